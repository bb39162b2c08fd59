import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import {
  type Backend,
  backendNamed,
  Certificate,
  createConnection,
  createPortableBackend,
  createServer,
  NamedGroup,
  PrivateKey,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import type { MadeCertificate } from '#polytls/cli/certificates.js'

/** Something that is measured: how its servers and clients are made. Contexts are prepared once, as a fast program would. */
export interface Stack {
  readonly name: string
  createServer(onConnection: (stream: Duplex) => void): net.Server
  connect(port: number, onConnected: (stream: Duplex) => void): Duplex
}

export interface Credentials {
  readonly authority: Pick<MadeCertificate, 'certificate'>
  readonly server: Pick<MadeCertificate, 'certificate' | 'key'>
}

/** For processes that are told by text what to measure. */
export function stackNamed(name: string, credentials: Credentials): Stack {
  if (name === rawTCP.name) return rawTCP
  return name === 'node:tls' ? nodeTls(credentials) : polytls(backendFor(name), credentials)
}

/** Those of the package, and the portable one with cryptography in JavaScript. */
export function backendFor(name: string): Backend {
  return name === 'portable-noble' ? createPortableBackend({ name, crypto: 'noble' }) : backendNamed(name)
}

/** One suite and one group for all, so that stacks are compared and not their tastes: AES-128-GCM is what all of them have. */
const suite = { name: 'TLS_AES_128_GCM_SHA256', codePoint: 0x1301 }
const group = { name: 'X25519', codePoint: NamedGroup.x25519 }
const host = '127.0.0.1'

/** What a user would pick instead. */
export function nodeTls({ authority, server }: Credentials): Stack {
  const shared = { ciphers: suite.name, ecdhCurve: group.name, minVersion: 'TLSv1.3' } as const
  const clientContext = tls.createSecureContext({ ...shared, ca: authority.certificate })
  return {
    name: 'node:tls',
    createServer: (onConnection) =>
      tls.createServer({ ...shared, key: server.key, cert: server.certificate, noDelay: true }, onConnection),
    connect(port, onConnected) {
      const socket = tls.connect({
        host,
        port,
        servername: 'localhost',
        secureContext: clientContext,
        ecdhCurve: group.name,
      })
      socket.setNoDelay(true)
      socket.once('secureConnect', () => onConnected(socket))
      return socket
    },
  }
}

/** `node:tls` as most programs write it: the trusted certificates given with each connection. */
export function nodeTlsPerConnection(credentials: Credentials): Stack {
  const { authority } = credentials
  return {
    ...nodeTls(credentials),
    name: 'node:tls, ca given per connection',
    connect(port, onConnected) {
      const socket = tls.connect({
        host,
        port,
        servername: 'localhost',
        ca: authority.certificate,
        ciphers: suite.name,
      })
      socket.once('secureConnect', () => onConnected(socket))
      return socket
    },
  }
}

export function polytls(backend: Backend, { authority, server }: Credentials): Stack {
  const shared = { ciphers: [suite.codePoint], groups: [group.codePoint], lowestSupportedVersion: TLSVersion.TLSv1_3 }
  const serverContext = backend.serverContext(
    new TLSServerConfiguration({
      ...shared,
      certificateChain: [{ leaf: Certificate.fromBuffer(server.certificate), key: PrivateKey.fromBuffer(server.key) }],
    }),
  )
  const clientContext = backend.clientContext(
    // Full handshakes are measured: node:tls makes no others unasked.
    new TLSClientConfiguration({
      ...shared,
      trustStore: TrustStore.fromBuffer(authority.certificate),
      sessions: 'none',
    }),
  )
  return {
    name: backend.name,
    createServer: (onConnection) => createServer({ context: serverContext }, onConnection),
    connect(port, onConnected) {
      const socket = createConnection({ context: clientContext, host, port, serverName: 'localhost' })
      socket.once('secureConnect', () => onConnected(socket))
      return socket
    },
  }
}

/** TCP without TLS: what the machine and Node's sockets allow. */
export const rawTCP: Stack = {
  name: 'tcp',
  createServer: (onConnection) => net.createServer({ noDelay: true }, onConnection),
  connect(port, onConnected) {
    const socket = net.connect({ host, port, noDelay: true })
    socket.once('connect', () => onConnected(socket))
    return socket
  },
}
