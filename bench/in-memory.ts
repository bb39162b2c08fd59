import { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import {
  type Backend,
  Certificate,
  type ClientContext,
  PrivateKey,
  type ServerContext,
  type Session,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import type { Credentials } from './stacks.js'

/** Full handshakes a second without a network: two channels that are handed each other's bytes. */
export function channelHandshakesPerSecond(
  backend: Backend,
  { authority, server }: Credentials,
  count: number,
  kind: 'full' | 'resumed' = 'full',
): number {
  const shared = { lowestSupportedVersion: TLSVersion.TLSv1_3, ciphers: [0x1301], groups: [0x1d] }
  const serverContext = backend.serverContext(
    new TLSServerConfiguration({
      ...shared,
      certificateChain: [{ leaf: Certificate.fromBuffer(server.certificate), key: PrivateKey.fromBuffer(server.key) }],
    }),
  )
  const clientContext = backend.clientContext(
    new TLSClientConfiguration({ ...shared, trustStore: TrustStore.fromBuffer(authority.certificate) }),
  )
  const session = kind === 'resumed' ? firstSession(clientContext, serverContext) : undefined
  const start = performance.now()
  for (let made = 0; made < count; made++) handshake(clientContext, serverContext, { session })
  return (count / (performance.now() - start)) * 1000
}

function firstSession(clientContext: ClientContext, serverContext: ServerContext): Session {
  let session: Session | undefined
  handshake(clientContext, serverContext, {
    use: (client) => {
      client.read(1)
      session = client.takeSessions()[0]
    },
  })
  if (session === undefined) throw new Error('no session came')
  return session
}

/** Nobody reads the sessions that come with a measured handshake, nor in `nodeHandshakesPerSecond`. */
function handshake(
  clientContext: ClientContext,
  serverContext: ServerContext,
  { session, use }: { readonly session?: Session | undefined; readonly use?: (client: TLSBuffer) => void } = {},
): void {
  const client = clientContext.createBuffer('localhost', { session })
  const server = serverContext.createBuffer()
  for (;;) {
    const clientDone = client.handshake() === 'done'
    server.processIncoming(client.processOutgoing())
    const serverDone = server.handshake() === 'done'
    client.processIncoming(server.processOutgoing())
    if (clientDone && serverDone) break
  }
  if (session !== undefined && !client.facts.resumed) throw new Error('the session was not resumed')
  use?.(client)
  client[Symbol.dispose]()
  server[Symbol.dispose]()
}

/** The same for `node:tls`, which needs a stream of some kind between the two. */
export async function nodeHandshakesPerSecond(
  { authority, server }: Credentials,
  count: number,
  kind: 'full' | 'resumed' = 'full',
): Promise<number> {
  const shared = { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_128_GCM_SHA256', ecdhCurve: 'X25519' } as const
  const clientContext = tls.createSecureContext({ ...shared, ca: authority.certificate })
  const serverContext = tls.createSecureContext({ ...shared, key: server.key, cert: server.certificate })
  const connect = (session: Buffer | undefined, wantsSession: boolean): Promise<Buffer | undefined> =>
    new Promise((resolve, reject) => {
      const [clientSide, serverSide] = duplexPair()
      const accepted = new tls.TLSSocket(serverSide, { isServer: true, secureContext: serverContext })
      const socket = tls.connect({
        socket: clientSide,
        servername: 'localhost',
        secureContext: clientContext,
        ...(session && { session }),
      })
      const settle = (received?: Buffer): void => {
        if (session !== undefined && !socket.isSessionReused()) reject(new Error('the session was not resumed'))
        socket.destroy()
        accepted.destroy()
        resolve(received)
      }
      const done = (): void => {
        if (!wantsSession) settle()
      }
      if (wantsSession) socket.once('session', settle)
      let sides = 0
      socket.once('secureConnect', () => ++sides === 2 && done())
      accepted.once('secure', () => ++sides === 2 && done())
      socket.on('error', reject)
      accepted.on('error', () => {})
    })
  const session = kind === 'resumed' ? await connect(undefined, true) : undefined
  const start = performance.now()
  for (let made = 0; made < count; made++) await connect(session, false)
  return (count / (performance.now() - start)) * 1000
}

/** Two streams, each of which reads what is written to the other. */
export function duplexPair(): readonly [Duplex, Duplex] {
  const make = (): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, callback) {
        other.get(this as Duplex)?.push(chunk)
        callback()
      },
      final(callback) {
        other.get(this as Duplex)?.push(null)
        callback()
      },
    })
  const other = new Map<Duplex, Duplex>()
  const pair = [make(), make()] as const
  other.set(pair[0], pair[1])
  other.set(pair[1], pair[0])
  return pair
}
