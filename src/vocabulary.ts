/** What a program needs to speak of TLS, wherever it runs: the part that all entry points share. Nothing in it imports `node:` modules. */
export { Alert, type AlertName, alertMeaning, alertName } from './alerts.ts'
export type { Availability, Backend, Capabilities, Feature, Refusal } from './channel/backend.ts'
export type { ClientBufferOptions, ClientContext, ContextEnvironment, ServerContext } from './channel/context.ts'
export type { EarlyDataOutcome, EarlyDataSteps } from './channel/early-data.ts'
export type { ConnectionFacts } from './channel/facts.ts'
export type { ChannelBindingType, KeyMaterial } from './channel/key-material.ts'
export { incomingLimitBytes, maxCertificateChainBytes, outgoingLimitBytes } from './channel/limits.ts'
export { MemoryReplayGuard, type MemoryReplayGuardOptions } from './channel/memory-replay-guard.ts'
export { MemorySessionCache, type MemorySessionCacheOptions } from './channel/memory-session-cache.ts'
export type {
  AdmitEarlyDataRequest,
  ChooseCertificateRequest,
  ChooseContextRequest,
  FindPreSharedKeyRequest,
  GetSessionRequest,
  PauseAnswer,
  PauseAnswers,
  PauseRequest,
  SignRequest,
  TakeSessionRequest,
  VerifyPeerRequest,
} from './channel/pause.ts'
export type { ClientCertificateRequest, PostHandshakeSteps } from './channel/post-handshake.ts'
export type { TLSBuffer, Waiting } from './channel/tls-buffer.ts'
export { Certificate } from './config/certificate.ts'
export {
  type CertificateCodec,
  CertificateCompression,
  certificateCompressionName,
} from './config/certificate-compression.ts'
export type { CertificateRequest, ChooseCertificate } from './config/certificate-request.ts'
export { CipherSuite, cipherSuiteName, isTLS13Suite } from './config/cipher-suite.ts'
export { type ClientOptions, type OCSPStapling, TLSClientConfiguration } from './config/client-configuration.ts'
export type { ChooseContext, ClientHello, ContextChoice, PreparedServer } from './config/client-hello.ts'
export { type CommonOptions, defaultHandshakeTimeoutMilliseconds, type Policy } from './config/common-options.ts'
export { NamedGroup, namedGroupName } from './config/named-group.ts'
export { NextProtocol } from './config/next-protocol.ts'
export type { PeerIdentity, Verdict, VerifyPeer } from './config/peer-identity.ts'
export {
  type FindPreSharedKey,
  PreSharedKey,
  type PreSharedKeyHash,
  type PreSharedKeyOptions,
} from './config/pre-shared-key.ts'
export { PrivateKey } from './config/private-key.ts'
export type { CodePoint } from './config/registry.ts'
export type { ReplayGuard } from './config/replay-guard.ts'
export { type Revocation, RevocationList } from './config/revocation.ts'
export { type ClientAuthentication, type ServerOptions, TLSServerConfiguration } from './config/server-configuration.ts'
export type {
  ServerSessions,
  SessionStore,
  StatefulSessions,
  StatelessSessions,
  TicketKey,
  TicketKeys,
  TicketOptions,
} from './config/server-sessions.ts'
export { Session, type SessionContent } from './config/session.ts'
export type { SessionCache } from './config/session-cache.ts'
export { SignatureScheme, signatureSchemeName } from './config/signature-scheme.ts'
export type { Signer } from './config/signer.ts'
export type { SigningChain } from './config/signing-chain.ts'
export type { BufferSource, FileSource, IdSource, Source } from './config/source.ts'
export { compareVersions, type NegotiatedVersion, TLSVersion } from './config/tls-version.ts'
export { TrustStore } from './config/trust-store.ts'
export * from './errors.ts'
export { ja4 } from './ja4.ts'
export { Conversation, type ConversationOptions } from './starttls/conversation.ts'
export type {
  Dialogue,
  GoAhead,
  HandshakeFraming,
  Outcome,
  Reading,
  Script,
  StaysPlain,
} from './starttls/dialogue.ts'
export { type ClientDialogues, clientDialogues, type ServerDialogues, serverDialogues } from './starttls/dialogues.ts'
export type { FTPClientOptions, FTPLearned } from './starttls/ftp.ts'
export type { HTTPConnectLearned } from './starttls/http-connect.ts'
export type { IMAPLearned } from './starttls/imap.ts'
export type { IMAPServerOptions } from './starttls/imap-server.ts'
export type { IRCLearned } from './starttls/irc.ts'
export type { LDAPClientOptions } from './starttls/ldap.ts'
export type { LDAPClientLearned } from './starttls/ldap-server.ts'
export type { ManageSieveLearned } from './starttls/managesieve.ts'
export type { MySQLClientOptions, MySQLLearned } from './starttls/mysql.ts'
export type { NNTPLearned } from './starttls/nntp.ts'
export type { POP3Learned } from './starttls/pop3.ts'
export type { POP3ServerOptions } from './starttls/pop3-server.ts'
export type { PostgresClientOptions } from './starttls/postgres.ts'
export type { PostgresClientLearned } from './starttls/postgres-server.ts'
export type { RDPClientOptions, RDPLearned, RDPProtocol } from './starttls/rdp.ts'
export type { SMTPClientOptions, SMTPLearned } from './starttls/smtp.ts'
export type { SMTPClientLearned, SMTPServerOptions } from './starttls/smtp-server.ts'
export type { SOCKS5Learned } from './starttls/socks5.ts'
export { dialogueLimits, type Surroundings, type Talk } from './starttls/talk.ts'
export type { TDSClientOptions, TDSLearned } from './starttls/tds.ts'
export type { TelnetLearned } from './starttls/telnet.ts'
export type { TunnelTarget } from './starttls/tunnel-target.ts'
export type { XMPPClientOptions, XMPPLearned } from './starttls/xmpp.ts'
export type { XMPPClientLearned, XMPPServerOptions } from './starttls/xmpp-server.ts'
