/** Numbers from Windows' headers that this backend uses, under their own names without the prefix that all of a group share. */

/** SP_PROT_ of schannel.h: each version has a bit for clients and one for servers. */
export const Protocol = {
  TLS1_2_SERVER: 0x0400,
  TLS1_2_CLIENT: 0x0800,
  TLS1_3_SERVER: 0x1000,
  TLS1_3_CLIENT: 0x2000,
} as const

/** SSL 2.0 to TLS 1.1, both sides: what no backend offers. */
export const obsoleteProtocols = 0x0000_03fc

/** SCH_CRED_ and SCH_ of schannel.h. */
export const CredentialFlag = {
  NO_SYSTEM_MAPPER: 0x2,
  MANUAL_CRED_VALIDATION: 0x8,
  NO_DEFAULT_CREDS: 0x10,
  DISABLE_RECONNECTS: 0x80,
  USE_STRONG_CRYPTO: 0x40_0000,
} as const

/** ISC_REQ_ of sspi.h. */
export const ClientRequirement = {
  REPLAY_DETECT: 0x4,
  SEQUENCE_DETECT: 0x8,
  CONFIDENTIALITY: 0x10,
  USE_SUPPLIED_CREDS: 0x80,
  ALLOCATE_MEMORY: 0x100,
  EXTENDED_ERROR: 0x4000,
  STREAM: 0x8000,
  MANUAL_CRED_VALIDATION: 0x8_0000,
} as const

/** ASC_REQ_ of sspi.h. */
export const ServerRequirement = {
  MUTUAL_AUTH: 0x2,
  REPLAY_DETECT: 0x4,
  SEQUENCE_DETECT: 0x8,
  CONFIDENTIALITY: 0x10,
  ALLOCATE_MEMORY: 0x100,
  EXTENDED_ERROR: 0x8000,
  STREAM: 0x1_0000,
} as const

/** SECBUFFER_ of sspi.h. */
export const BufferType = {
  EMPTY: 0,
  DATA: 1,
  TOKEN: 2,
  EXTRA: 5,
  STREAM_TRAILER: 6,
  STREAM_HEADER: 7,
  ALERT: 17,
  APPLICATION_PROTOCOLS: 18,
} as const

/** SECPKG_ATTR_ of sspi.h and schannel.h. */
export const AttributeNumber = {
  STREAM_SIZES: 0x04,
  APPLICATION_PROTOCOL: 0x23,
  REMOTE_CERT_CONTEXT: 0x53,
  CONNECTION_INFO: 0x5a,
  SESSION_INFO: 0x5d,
  CIPHER_INFO: 0x64,
} as const

/** SecApplicationProtocolNegotiationStatus_Success, and SecApplicationProtocolNegotiationExt_ALPN. */
export const ApplicationProtocol = { SUCCESS: 1, ALPN: 2 } as const

/** SCHANNEL_SHUTDOWN and SCHANNEL_ALERT, the tokens of ApplyControlToken; TLS1_ALERT_FATAL. */
export const ControlToken = { SHUTDOWN: 1, ALERT: 2, ALERT_FATAL: 2 } as const

/** SSL_SESSION_RECONNECT, in SecPkgContext_SessionInfo. */
export const sessionReconnect = 1

/** Flags of PFXImportCertStore: keep the key in memory alone; put it into a key storage provider of CNG, whatever the file says. */
export const PFXFlag = { NO_PERSIST_KEY: 0x8000, ALWAYS_CNG_KSP: 0x200 } as const

/** CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL, a flag of CertGetCertificateChain: nothing is fetched from URLs in certificates. */
export const cacheOnlyURLRetrieval = 0x4

/** CERT_CHAIN_EXCLUSIVE_ENABLE_CA_FLAG: an authority in the exclusive store is trusted although another one issued it. */
export const exclusiveEnableCA = 0x1

/** CERT_TRUST_ of wincrypt.h: what is wrong with a certificate in a chain. */
export const TrustError = {
  IS_NOT_TIME_VALID: 0x1,
  IS_REVOKED: 0x4,
  IS_NOT_SIGNATURE_VALID: 0x8,
  IS_NOT_VALID_FOR_USAGE: 0x10,
  IS_UNTRUSTED_ROOT: 0x20,
  REVOCATION_STATUS_UNKNOWN: 0x40,
  IS_CYCLIC: 0x80,
  INVALID_EXTENSION: 0x100,
  INVALID_POLICY_CONSTRAINTS: 0x200,
  INVALID_BASIC_CONSTRAINTS: 0x400,
  INVALID_NAME_CONSTRAINTS: 0x800,
  HAS_NOT_SUPPORTED_NAME_CONSTRAINT: 0x1000,
  HAS_NOT_DEFINED_NAME_CONSTRAINT: 0x2000,
  HAS_NOT_PERMITTED_NAME_CONSTRAINT: 0x4000,
  HAS_EXCLUDED_NAME_CONSTRAINT: 0x8000,
  IS_PARTIAL_CHAIN: 0x1_0000,
  HAS_WEAK_SIGNATURE: 0x10_0000,
  IS_OFFLINE_REVOCATION: 0x100_0000,
  IS_EXPLICIT_DISTRUST: 0x400_0000,
  HAS_NOT_SUPPORTED_CRITICAL_EXT: 0x800_0000,
} as const

/** CERT_TRUST_IS_SELF_SIGNED, among the information about a certificate in a chain. */
export const trustInfoSelfSigned = 0x8

/** Extended key usages. RFC 5280, Section 4.2.1.12. */
export const Usage = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' } as const
