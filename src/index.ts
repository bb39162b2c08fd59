export { Alert, type AlertName, alertMeaning, alertName } from './alerts.ts'
export type { LibraryChoice } from './backends/openssl/library-choice.ts'
export {
  backendNamed,
  backends,
  createOpenSSLBackend,
  defaultBackend,
  openssl,
  portable,
  systemOpenSSL,
} from './backends.ts'
export type { Availability, Backend, Capabilities, Feature, Refusal } from './channel/backend.ts'
export type { ClientContext, ContextEnvironment, ServerContext } from './channel/context.ts'
export type { ConnectionFacts } from './channel/facts.ts'
export { incomingLimitBytes, maxCertificateChainBytes, outgoingLimitBytes } from './channel/limits.ts'
export type {
  ChooseContextRequest,
  ClientHello,
  PauseAnswer,
  PauseRequest,
  SignRequest,
  VerifyPeerRequest,
} from './channel/pause.ts'
export type { TLSBuffer, Waiting } from './channel/tls-buffer.ts'
export { Certificate } from './config/certificate.ts'
export { CipherSuite, cipherSuiteName, isTLS13Suite } from './config/cipher-suite.ts'
export { type ClientOptions, TLSClientConfiguration } from './config/client-configuration.ts'
export { type CommonOptions, defaultHandshakeTimeoutMilliseconds, type Policy } from './config/common-options.ts'
export { NamedGroup, namedGroupName } from './config/named-group.ts'
export { NextProtocol } from './config/next-protocol.ts'
export type { PeerIdentity, Verdict, VerifyPeer } from './config/peer-identity.ts'
export { PrivateKey } from './config/private-key.ts'
export type { CodePoint } from './config/registry.ts'
export { type ClientAuthentication, type ServerOptions, TLSServerConfiguration } from './config/server-configuration.ts'
export { SignatureScheme, signatureSchemeName } from './config/signature-scheme.ts'
export type { Signer } from './config/signer.ts'
export type { SigningChain } from './config/signing-chain.ts'
export type { BufferSource, FileSource, IdSource, Source } from './config/source.ts'
export { compareVersions, type NegotiatedVersion, TLSVersion } from './config/tls-version.ts'
export { TrustStore } from './config/trust-store.ts'
export {
  type ClientSetup,
  type ConnectOptions,
  type CreateServerOptions,
  connect,
  createConnection,
  createServer,
  type ServerSetup,
  type UpgradeOptions,
  upgrade,
} from './connections.ts'
export * from './errors.ts'
export type { Destination } from './sockets/connect.ts'
export type { PhaseTimes } from './sockets/socket-phases.ts'
export { TLSServer, type TLSServerEvents, type TLSServerOptions } from './sockets/tls-server.ts'
export { TLSSocket, type TLSSocketOptions } from './sockets/tls-socket.ts'
