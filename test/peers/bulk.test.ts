import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { forEachBackend } from '../support/backends.ts'
import { bulk, checksum, receivedChecksum, send } from './support/bulk.ts'
import { connectTo, finish, OwnServer, versions } from './support/endpoints.ts'
import { askHTTP } from './support/http.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'
import { startHaproxy, startNginx } from './support/proxies.ts'
import { startSocatClient, startSocatEcho } from './support/socat.ts'

let identities: Identities
let ours: Buffer
let theirs: Buffer
let sums: { readonly ours: string; readonly theirs: string }
before(async () => {
  identities = await makeIdentities()
  ours = bulk(1)
  theirs = bulk(2)
  sums = { ours: checksum(ours), theirs: checksum(theirs) }
})
after(() => identities.remove())

forEachBackend('64 MiB each way, by our client', (backend) => {
  for (const version of versions) {
    it(`at once with openssl s_server over ${version}`, async () => {
      const options = [onlyVersion[version], '-quiet']
      await using server = await startSServer(identities, options, { streamsOutput: true })
      const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      const [there, here] = await Promise.all([
        receivedChecksum(server.stdout),
        receivedChecksum(socket),
        send(socket, ours),
        send(server.stdin, theirs),
      ])
      assert.deepEqual({ ours: there, theirs: here }, sums)
      socket.destroy()
    })

    it(`as a file to nginx and from it over ${version}`, async () => {
      await using server = await startNginx(identities, { version })
      const upload = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      assert.equal((await askHTTP(upload, '/file', { method: 'PUT', body: ours })).status, 201)
      assert.equal(checksum(readFileSync(join(server.files, 'file'))), sums.ours)
      await finish(upload)
      const download = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      const { status, body } = await askHTTP(download, '/file')
      assert.equal(status, 200)
      assert.equal(checksum(body), sums.ours)
      await finish(download)
    })

    it(`through haproxy and back over ${version}`, async () => {
      const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
      await once(echo, 'listening')
      try {
        await using server = await startHaproxy(identities, {
          version,
          upstreamPort: (echo.address() as AddressInfo).port,
        })
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        const [back] = await Promise.all([receivedChecksum(socket), send(socket, ours)])
        assert.equal(back, sums.ours)
        await finish(socket)
      } finally {
        echo.close()
      }
    })
  }

  it('through socat and back', async () => {
    await using server = await startSocatEcho(identities)
    const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
    const [back] = await Promise.all([receivedChecksum(socket), send(socket, ours)])
    assert.equal(back, sums.ours)
    await finish(socket)
  })
})

forEachBackend('64 MiB each way, by our server', (backend) => {
  const serve = (): Promise<OwnServer> =>
    OwnServer.start(backend, { certificateChain: [identities.server().signingChain] })

  for (const version of versions) {
    it(`at once with openssl s_client over ${version}`, async () => {
      await using server = await serve()
      // Without -nbio, s_client would not read while the server does not, and both could wait for each other.
      const options = [onlyVersion[version], '-quiet', '-nbio']
      await using client = startSClient(identities, server.port, options, { streamsOutput: true })
      const socket = await server.accepted()
      const [here, there] = await Promise.all([
        receivedChecksum(socket),
        receivedChecksum(client.stdout),
        send(socket, ours),
        send(client.stdin, theirs),
      ])
      assert.deepEqual({ ours: there, theirs: here }, sums)
      socket.destroy()
    })
  }

  it('from socat and back by a pipe of ours', async () => {
    await using server = await serve()
    await using client = startSocatClient(identities, server.port, { streamsOutput: true })
    const socket = await server.accepted()
    socket.pipe(socket)
    const [back] = await Promise.all([receivedChecksum(client.stdout), send(client.stdin, theirs)])
    assert.equal(back, sums.theirs)
    socket.destroy()
  })
})
