/**
 * Numbers that C programs get from OpenSSL's headers. All belong to its stable interface since 3.0.
 * Sources: ssl.h, sslerr.h, x509_vfy.h, x509v3.h, evp.h, obj_mac.h.
 */

/** Commands of SSL_CTX_ctrl and SSL_ctrl, most of them macros in C. */
export const Ctrl = {
  MODE: 33,
  CLEAR_MODE: 78,
  SET_SESS_CACHE_MODE: 44,
  SET_MAX_CERT_LIST: 51,
  SET_TLSEXT_SERVERNAME_CB: 53,
  SET_TLSEXT_HOSTNAME: 55,
  SET_TLSEXT_TICKET_KEYS: 59,
  CHAIN_CERT: 89,
  SET_GROUPS_LIST: 92,
  SET_SIGALGS_LIST: 98,
  GET_PEER_SIGNATURE_NID: 108,
  SET_DH_AUTO: 118,
  SET_TLSEXT_STATUS_REQ_CB: 63,
  SET_TLSEXT_STATUS_REQ_TYPE: 65,
  GET_TLSEXT_STATUS_REQ_OCSP_RESP: 70,
  SET_TLSEXT_STATUS_REQ_OCSP_RESP: 71,
  GET_EXTMS_SUPPORT: 122,
  SET_MIN_PROTO_VERSION: 123,
  SET_MAX_PROTO_VERSION: 124,
  GET_SIGNATURE_NID: 132,
  GET_NEGOTIATED_GROUP: 134,
  SET_RETRY_VERIFY: 136,
} as const

export const ProtocolVersion = { TLS1_2: 0x0303, TLS1_3: 0x0304 } as const

export const Mode = {
  AUTO_RETRY: 0x4,
  ACCEPT_MOVING_WRITE_BUFFER: 0x2,
  NO_AUTO_CHAIN: 0x8,
  RELEASE_BUFFERS: 0x10,
} as const

/** Options are a 64-bit set; these fit into 32 bits. */
export const Option = {
  NO_TICKET: 0x4000,
  NO_COMPRESSION: 0x20000,
  PRIORITIZE_CHACHA: 0x200000,
  CIPHER_SERVER_PREFERENCE: 0x400000,
  NO_ANTI_REPLAY: 0x1000000,
  NO_RENEGOTIATION: 0x40000000,
} as const

export const Verify = { NONE: 0, PEER: 1, FAIL_IF_NO_PEER_CERT: 2 } as const

export const SSLError = {
  SSL: 1,
  WANT_READ: 2,
  WANT_WRITE: 3,
  WANT_X509_LOOKUP: 4,
  SYSCALL: 5,
  ZERO_RETURN: 6,
  WANT_CLIENT_HELLO_CB: 11,
  WANT_RETRY_VERIFY: 12,
} as const

/** Of libssl, sslerr.h. */
export const Reason = { EXTENSION_NOT_RECEIVED: 279 } as const

/** NO_INTERNAL: OpenSSL's own table of sessions is neither filled nor asked. */
export const SessionCacheMode = { OFF: 0, CLIENT: 0x1, SERVER: 0x2, NO_INTERNAL: 0x300 } as const

/** What OpenSSL says of a ticket that it has opened, or has not. */
export const TicketStatus = { NONE: 2, EMPTY: 3, NO_DECRYPT: 4, SUCCESS: 5, SUCCESS_RENEW: 6 } as const

/** What to do with a ticket; RENEW sends a new one. */
export const TicketUse = { ABORT: 0, IGNORE: 1, IGNORE_RENEW: 2, USE: 3, USE_RENEW: 4 } as const

export const EarlyDataStatus = { NOT_SENT: 0, REJECTED: 1, ACCEPTED: 2 } as const

export const ReadEarlyData = { ERROR: 0, SUCCESS: 1, FINISH: 2 } as const

export const KeyUpdateType = { NOT_REQUESTED: 0, REQUESTED: 1 } as const

export const Shutdown = { SENT: 1, RECEIVED: 2 } as const

/** What the callbacks for ALPN and the server name answer. Zero is acceptance: a callback that throws would mean that. */
export const CallbackAnswer = { OK: 0, ALERT_FATAL: 2, NOACK: 3 } as const

export const CheckFlag = { NO_PARTIAL_WILDCARDS: 0x4, NEVER_CHECK_SUBJECT: 0x20 } as const

export const VerifyFlag = { CRL_CHECK: 0x4, CRL_CHECK_ALL: 0x8, PARTIAL_CHAIN: 0x80000 } as const

/** Numbers of objects and algorithms (NIDs). */
export const NID = {
  md5: 4,
  rsaEncryption: 6,
  sha1: 64,
  subject_alt_name: 85,
  X9_62_id_ecPublicKey: 408,
  sha256: 672,
  sha384: 673,
  sha512: 674,
  rsassaPss: 912,
  tlsfeature: 1020,
  ED25519: 1087,
  ED448: 1088,
} as const

/** The kinds of GENERAL_NAME. RFC 5280, Section 4.2.1.6. */
export const GeneralName = { DNS: 2, IP: 7 } as const

/** XN_FLAG_RFC2253 without the escaping of bytes above 0x7f: names are printed as UTF-8. */
export const namePrintFlags: number = 0x1110317 & ~0x4
