import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { after, before, it } from 'node:test'
import {
  type Backend,
  type ClientContext,
  connect,
  DataConnections,
  type NegotiatedVersion,
  TLSClientConfiguration,
  type TLSSocket,
  upgrade,
} from 'polytls'
import { forEachBackend, only } from '../support/backends.ts'
import { readToEnd, versions } from './support/endpoints.ts'
import { FTPClient } from './support/ftp.ts'
import { startImplicitVsftpd, startProFTPD, startVsftpd } from './support/ftp-servers.ts'
import { hostName } from './support/identities.ts'
import { isRoot, PlainServers, skip } from './support/plain-beginnings.ts'

let peers: PlainServers

before(async () => {
  if (isRoot) peers = await PlainServers.start(startVsftpd, startImplicitVsftpd, startProFTPD)
})
after(() => peers?.[Symbol.asyncDispose]())

const kinds = [
  { name: 'vsftpd', protocol: 'ftp', login: ['anonymous', ''], folder: '/files' },
  { name: 'ProFTPD', protocol: 'proftpd', login: ['alice', 'secret'], folder: '' },
] as const
type Kind = (typeof kinds)[number]

/** How many transfers there are in a row, which have to be more than any server gives tickets for. */
const transfers = 100

forEachBackend('data connections of FTP', (backend) => {
  const login = (
    { protocol, login: who }: Kind,
    version: NegotiatedVersion,
    context = contextOf(backend, version),
  ): Promise<{ readonly ftp: FTPClient; readonly control: TLSSocket }> => {
    return FTPClient.login(peers.port(protocol), { context, serverName: hostName }, who)
  }

  for (const kind of kinds) {
    for (const version of versions) {
      it(`${kind.name}, ${version}: a hundred transfers each go on from the session before`, { skip }, async () => {
        const { ftp, control } = await login(kind, version)
        await using _ = ftp
        const data = new DataConnections(control)
        assert.equal(control.facts.version, version)
        for (let i = 0; i < transfers / 2; i++) {
          const path = `${kind.folder}/${backend.name}-${version}-${i % 3}`
          const content = randomBytes(i * 1000)
          const sent = await ftp.upload(data, path, content)
          const received = await ftp.download(data, `RETR ${path}`)
          assert.ok(received.content.equals(content))
          for (const { facts } of [sent, received.socket]) {
            assert.deepEqual([facts.resumed, facts.verified, facts.version], [true, true, version], `transfer ${i}`)
          }
          await ftp.command(`DELE ${path}`, 250)
        }
      })

      it(`${kind.name}, ${version}: what begins a session of its own is refused`, { skip }, async () => {
        const { ftp, control } = await login(kind, version)
        await using _ = ftp
        await ftp.upload(new DataConnections(control), `${kind.folder}/own`, Buffer.from('x'))
        const context = contextOf(backend, version)
        const own = { upgrade: (plain: Duplex) => upgrade(plain, { context, serverName: hostName }) }
        const socket = await ftp.transfer(own, `RETR ${kind.folder}/own`).catch((error) => error as Error)
        if (!(socket instanceof Error)) socket.on('error', () => {}).resume()
        await ftp.reply('RETR', 425, 522)
      })

      it(`${kind.name}, ${version}: transfers that are broken off leave a session for the next`, { skip }, async () => {
        const { ftp, control } = await login(kind, version)
        await using _ = ftp
        const data = new DataConnections(control)
        const path = `${kind.folder}/${backend.name}-${version}`
        // ProFTPD takes leave of whoever breaks off what it sends, but not of who breaks off what it receives.
        for (let i = 0; i < 12; i++) {
          const socket = await ftp.transfer(data, `STOR ${path}-${i}`)
          assert.equal(socket.facts.resumed, true)
          socket.destroy()
          await ftp.reply('STOR', 226, 426)
        }
        const { socket } = await ftp.download(data, 'LIST')
        assert.equal(socket.facts.resumed, true)
      })
    }

    it(`${kind.name}: two logins under one context do not take each other's sessions`, { skip }, async () => {
      const context = contextOf(backend, 'TLSv1.3')
      const one = await login(kind, 'TLSv1.3', context)
      const other = await login(kind, 'TLSv1.3', context)
      await using _ = one.ftp
      await using __ = other.ftp
      const both = [one, other].map(({ ftp, control }) => ({ ftp, data: new DataConnections(control) }))
      for (let i = 0; i < 6; i++) {
        for (const { ftp, data } of both) {
          const { socket } = await ftp.download(data, 'LIST')
          assert.equal(socket.facts.resumed, true)
        }
      }
    })

    it(`${kind.name}: it is the server that connects`, { skip }, async () => {
      const { ftp, control } = await login(kind, 'TLSv1.3')
      await using _ = ftp
      const socket = await ftp.transferActively(new DataConnections(control), 'LIST')
      assert.equal(socket.facts.resumed, true)
      await readToEnd(socket)
      await ftp.reply('LIST', 226)
    })
  }

  it('vsftpd, in TLS from the first byte', { skip }, async () => {
    for (const version of versions) {
      const options = { host: '127.0.0.1', port: peers.port('ftps'), serverName: hostName }
      const control = await connect({ ...options, context: contextOf(backend, version) })
      const { ftp } = await FTPClient.greeted(control, ['anonymous', ''])
      await using _ = ftp
      const data = new DataConnections(control)
      for (let i = 0; i < 4; i++) assert.equal((await ftp.download(data, 'LIST')).socket.facts.resumed, true)
    }
  })

  it('ProFTPD: the control connection goes on in plain text, the data connections in TLS', { skip }, async () => {
    const [, { protocol, login: who }] = kinds
    for (const [version, way] of versions.flatMap((each) => [
      [each, 'login'] as const,
      [each, 'loginUpgradable'] as const,
    ])) {
      const options = { context: contextOf(backend, version), serverName: hostName }
      const { ftp, control } = await FTPClient[way](peers.port(protocol), options, who)
      await using _ = ftp
      const data = new DataConnections(control)
      await ftp.clear()
      const content = randomBytes(1000)
      for (let i = 0; i < 4; i++) {
        const sent = await ftp.upload(data, `ccc-${backend.name}`, content)
        const received = await ftp.download(data, `RETR ccc-${backend.name}`)
        assert.deepEqual([sent.facts.resumed, received.socket.facts.resumed], [true, true])
        assert.ok(received.content.equals(content))
      }
    }
  })
})

function contextOf(backend: Backend, version: NegotiatedVersion): ClientContext {
  return backend.clientContext(
    new TLSClientConfiguration({ trustStore: peers.identities.trustStore, ...only(version) }),
  )
}
