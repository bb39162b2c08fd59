export type { LibraryChoice } from './backends/openssl/library-choice.ts'
export {
  backendNamed,
  backends,
  createOpenSSLBackend,
  createPortableBackend,
  createSchannelBackend,
  defaultBackend,
  openssl,
  type PortableBackendChoice,
  portable,
  type SchannelBackendChoice,
  schannel,
  systemOpenSSL,
} from './backends.ts'
export {
  type ConnectOptions,
  type CreateServerOptions,
  connect,
  createConnection,
  createServer,
  type UpgradeOptions,
  upgrade,
} from './connections.ts'
export { type DataConnectionOptions, DataConnections } from './data-connections.ts'
export { openTunnel, type ProxyOptions, type TunnelOptions } from './proxies.ts'
export type { ClientSetup, ServerSetup } from './setups.ts'
export type { Destination } from './sockets/connect.ts'
export type { PhaseTimes } from './sockets/socket-phases.ts'
export { TLSServer, type TLSServerEvents, type TLSServerOptions } from './sockets/tls-server.ts'
export { TLSSocket, type TLSSocketOptions } from './sockets/tls-socket.ts'
export * from './starttls.ts'
export { UpgradableSocket } from './upgradable-socket.ts'
export * from './vocabulary.ts'
