import { once } from 'node:events'
import * as http from 'node:http'
import * as https from 'node:https'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import { destroyAfter, host, hostName, listen, rawServer } from '../sockets/peers.ts'
import { readExactly } from '../sockets/streams.ts'
import { authority } from '../support/identities.ts'

/** A proxy of Node's own HTTP; it knows one user. `around` is what the proxy sends along with its answer. */
export async function httpProxy(
  t: TestContext,
  { secure = false, around = '' } = {},
): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const server = secure ? https.createServer({ ...(await proxyIdentity()), allowHalfOpen: true }) : http.createServer()
  server.on('connect', (request: http.IncomingMessage, client: Duplex) => {
    client.on('error', () => {})
    const proof = request.headers['proxy-authorization']
    asked.push(`${request.url} ${proof ?? 'nobody'}`)
    if (proof !== `Basic ${Buffer.from('alice:p@ss').toString('base64')}`) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="test"\r\n\r\n')
      return
    }
    const { hostname, port } = new URL(`http://${request.url}`)
    const upstream = destroyAfter(t, net.connect(Number(port), hostname === hostName ? host : hostname))
    upstream.on('connect', () => {
      client.write(`HTTP/1.1 200 Connection established\r\n\r\n${around}`)
      client.pipe(upstream).pipe(client)
    })
    upstream.on('error', () => client.destroy())
  })
  return { port: await listen(t, server), asked }
}

async function proxyIdentity(): Promise<{ cert: string; key: string }> {
  const { certificate, key } = await (await authority()).issue({ name: 'proxy', names: ['localhost'] })
  return { cert: certificate, key }
}

/** A proxy of SOCKS5, as far as the RFCs' CONNECT by name with a user name and a password. */
export async function socksProxy(t: TestContext): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = []
  const port = await rawServer(t, async (client) => {
    const [, count = 0] = await readExactly(client, 2)
    await readExactly(client, count)
    client.write(Buffer.of(5, 2))
    const login = await readExactly(client, 2 + 5 + 1 + 4)
    client.write(Buffer.of(1, login.subarray(2).toString() === 'alice\x04p@ss' ? 0 : 1))
    const [, , , type, length = 0] = await readExactly(client, 5)
    const name = (await readExactly(client, length)).toString()
    const target = (await readExactly(client, 2)).readUInt16BE()
    asked.push(`${type} ${name}:${target}`)
    const upstream = destroyAfter(t, net.connect(target, host))
    upstream.on('error', () => client.destroy())
    await once(upstream, 'connect')
    client.write(Buffer.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
    client.pipe(upstream).pipe(client)
  })
  return { port, asked }
}
