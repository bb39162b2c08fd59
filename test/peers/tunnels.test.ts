import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, it } from 'node:test'
import { connect, createConnection, type ProxyOptions, StartTLSError, type TLSSocket } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { finish, OwnServer, receives } from './support/endpoints.ts'
import { hostName } from './support/identities.ts'
import { startMicrosocks } from './support/other-servers.ts'
import { isRoot, PlainServers, skip } from './support/plain-beginnings.ts'
import { startTinyproxy } from './support/plain-servers.ts'
import { startHaproxy } from './support/proxies.ts'

let peers: PlainServers

before(async () => {
  if (isRoot) peers = await PlainServers.start(startTinyproxy, startMicrosocks)
})
after(() => peers?.[Symbol.asyncDispose]())

forEachBackend('TLS through real proxies', (backend) => {
  const proxies = async (use: (proxy: ProxyOptions) => Promise<void>): Promise<void> => {
    const http = peers.port('http-connect')
    await using secure = await startHaproxy(peers.identities, { version: 'TLSv1.3', upstreamPort: http })
    const tls = { trustStore: peers.identities.trustStore, backend }
    await use({ url: `http://alice:secret@127.0.0.1:${http}` })
    await use({ url: `https://alice:secret@127.0.0.1:${secure.port}`, tls })
    await use({ url: `socks5://alice:secret@127.0.0.1:${peers.port('socks5')}` })
  }

  for (const [name, open] of Object.entries({
    connect,
    createConnection: async (options: Parameters<typeof createConnection>[0]): Promise<TLSSocket> => {
      const socket = createConnection(options)
      await once(socket, 'secureConnect')
      return socket
    },
  })) {
    it(`${name}: tinyproxy, tinyproxy behind TLS of haproxy, and microsocks lead to a server`, { skip }, async () => {
      const { trustStore } = peers.identities
      const certificateChain = [(await peers.identities.issue(hostName)).signingChain]
      await using server = await OwnServer.start(backend, { certificateChain })
      await proxies(async (proxy) => {
        const to = { host: '127.0.0.1', port: server.port, serverName: hostName, backend, trustStore }
        const [socket, accepted] = await Promise.all([open({ ...to, proxy }), server.accepted()])
        socket.write('through it')
        await receives(accepted, 'through it')
        const bytes = Buffer.alloc(200_000, 'x')
        accepted.write(bytes)
        await receives(socket, bytes.toString())
        await finish(socket)
        const { url, ...rest } = proxy
        const stranger = { url: String(url).replace('secret', 'wrong'), ...rest }
        await assert.rejects(open({ ...to, proxy: stranger }), StartTLSError)
      })
    })
  }
})
