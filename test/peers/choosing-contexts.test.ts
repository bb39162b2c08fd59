import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { type ClientHello, NegotiationError, type ServerContext, TLSServerConfiguration } from 'polytls'
import { forEachBackend, has } from '../support/backends.ts'
import { OwnServer, versions } from './support/endpoints.ts'
import { priorityFor, startGnuTLSClient } from './support/gnutls.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { onlyVersion, startSClient } from './support/openssl.ts'
import { run } from './support/program.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

forEachBackend('a server that chooses by the ClientHello', (backend) => {
  if (!has(backend, 'choose-context')) return

  const serve = async (hellos: ClientHello[]): Promise<OwnServer> => {
    const certificateChain = [identities.server('ecdsa-p256').signingChain]
    // Fetched when it is first needed, as a certificate would be.
    let later: Promise<ServerContext> | undefined
    return OwnServer.start(backend, {
      certificateChain: [],
      sessions: 'none',
      chooseContext: (hello) => {
        hellos.push(hello)
        if (hello.serverName !== hostName) return { refuse: 'not one of ours', alert: 'unrecognized_name' }
        later ??= Promise.resolve().then(() => backend.serverContext(new TLSServerConfiguration({ certificateChain })))
        return later
      },
    })
  }

  for (const version of versions) {
    it(`hears of openssl what it asks for over ${version}, and refuses another name`, async () => {
      const hellos: ClientHello[] = []
      await using server = await serve(hellos)
      await using client = startSClient(identities, server.port, [onlyVersion[version], '-brief', '-alpn', 'one,two'])
      const socket = await server.accepted()
      await client.reports(/^Verification: OK$/m)
      assert.equal(socket.facts.version, version)
      assert.deepEqual(hellos[0]?.innerProtocols, ['one', 'two'])
      assert.ok(hellos[0]?.ciphers.includes(version === 'TLSv1.3' ? 0x1301 : 0xc02b))
      await using stranger = startSClient(identities, server.port, [onlyVersion[version], '-servername', 'else.test'])
      assert.ok((await server.refused()) instanceof NegotiationError)
      await stranger.reports(/unrecognized name/)
    })

    it(`hears of GnuTLS what it asks for over ${version}`, async () => {
      const hellos: ClientHello[] = []
      await using server = await serve(hellos)
      await using client = startGnuTLSClient(identities, server.port, [priorityFor(version)])
      const socket = await server.accepted()
      await client.reports(/Handshake was completed/)
      assert.equal(socket.facts.version, version)
      assert.equal(hellos[0]?.serverName, hostName)
    })
  }

  it('refuses curl for a host that it does not serve', async () => {
    const hellos: ClientHello[] = []
    await using server = await serve(hellos)
    const resolve = ['--resolve', `else.test:${server.port}:127.0.0.1`]
    const options = ['--silent', '--show-error', '--max-time', '20', '--cacert', identities.authorityFile]
    const { code, report } = await run('curl', [...options, ...resolve, `https://else.test:${server.port}/`])
    assert.equal(code, 35, report)
    assert.match(report, /unrecognized name/)
    assert.equal(hellos[0]?.serverName, 'else.test')
  })
})
