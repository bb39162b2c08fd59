import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { defaultBackend } from '../backends.ts'
import type { Backend } from '../channel/backend.ts'
import { Certificate } from '../config/certificate.ts'
import type { ServerOptions } from '../config/server-configuration.ts'
import type { SigningChain } from '../config/signing-chain.ts'
import { TLSVersion } from '../config/tls-version.ts'
import { TrustStore } from '../config/trust-store.ts'
import { createServer } from '../connections.ts'
import type { TLSServer } from '../sockets/tls-server.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { makeAuthority } from './certificates.ts'
import { signingChainOf } from './fresh-certificates.ts'

/** What the steps of the tour share. */
export interface Stage {
  readonly backend: Backend
  /** What the servers speak with: the same, but for a backend that has no server's side. */
  readonly servingBackend: Backend
  /** The authority of the tour, as a trust store, and one that has issued nothing here. */
  readonly trusted: TrustStore
  readonly stranger: TrustStore
  /** For `localhost` and 127.0.0.1. */
  readonly server: SigningChain
  /** For a host that is not this one. */
  readonly elsewhere: SigningChain
  readonly alice: SigningChain
  readonly mallory: SigningChain
  /** Everything that was made, PEM, the authority first. */
  readonly made: readonly string[]
  /** Listens on a free port of the loopback interface until the tour is over. */
  listen(server: Server): Promise<number>
  /** A server that enforces TLS 1.3. */
  serve(options: Partial<ServerOptions>, onSecureConnection: (socket: TLSSocket) => void): Promise<RunningServer>
  close(): Promise<void>
}

export interface RunningServer {
  readonly port: number
  /** What the server makes of the next client whose handshake fails. */
  nextFailure(): Promise<Error>
  onEarlyConnection(listener: (socket: TLSSocket) => void): void
}

export async function prepareStage(backend: Backend): Promise<Stage> {
  // Authorities and clients with keys of the kind that every stack can use and verify.
  const [authority, other] = await Promise.all([
    makeAuthority({ name: 'Tour Authority', keyKind: 'rsa-2048' }),
    makeAuthority({ name: 'Somebody Else', keyKind: 'rsa-2048' }),
  ])
  const [server, elsewhere, alice, mallory] = await Promise.all([
    authority.issue({ name: 'localhost', names: ['localhost', '127.0.0.1'] }),
    authority.issue({ name: 'elsewhere.example', names: ['elsewhere.example'] }),
    authority.issue({ name: 'alice', keyKind: 'rsa-2048' }),
    authority.issue({ name: 'mallory', keyKind: 'rsa-2048' }),
  ])
  const servingBackend = backend.capabilities.roles.includes('server') ? backend : defaultBackend()
  const servers: Server[] = []
  const sockets = new Set<Socket>()
  const listen = async (each: Server): Promise<number> => {
    servers.push(each)
    each.on('connection', (socket) => sockets.add(socket))
    each.listen(0, '127.0.0.1')
    await once(each, 'listening')
    return (each.address() as AddressInfo).port
  }
  return {
    backend,
    servingBackend,
    trusted: TrustStore.fromCertificates([Certificate.fromBuffer(authority.certificate)]),
    stranger: TrustStore.fromCertificates([Certificate.fromBuffer(other.certificate)]),
    server: signingChainOf(server),
    elsewhere: signingChainOf(elsewhere),
    alice: signingChainOf(alice),
    mallory: signingChainOf(mallory),
    made: [authority, server, elsewhere, alice, mallory].map(({ certificate }) => certificate),
    listen,
    async serve(options, onSecureConnection) {
      const running: TLSServer = createServer(
        {
          backend: servingBackend,
          certificateChain: [signingChainOf(server)],
          lowestSupportedVersion: TLSVersion.TLSv1_3,
          ...options,
        },
        onSecureConnection,
      )
      const port = await listen(running)
      return {
        port,
        nextFailure: async () => ((await once(running, 'tlsClientError')) as [Error])[0],
        onEarlyConnection: (listener) => {
          running.on('earlyConnection', listener)
        },
      }
    },
    async close() {
      // A step that failed leaves connections open, for which a server would wait.
      for (const each of sockets) each.destroy()
      await Promise.all(servers.map((each) => each[Symbol.asyncDispose]()))
    },
  }
}
