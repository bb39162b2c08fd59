import type { CryptoSetting } from './crypto-settings.ts'

/**
 * What this backend asks of Windows: the functions of secur32, crypt32 and ncrypt, under their own names. Values go in and out as plain
 * data; memory is the implementation's affair: what a function allocates for its answer has been copied and freed when it returns.
 * What has to be freed by the caller is a SecHandle or a Pointer, and the comment of the function says by what.
 *
 * `windows-security.ts` is the real one; tests have one that they script.
 */
export interface NativeSecurity {
  /** Such as `Windows 10.0.26100`. */
  readonly systemName: string

  // ── secur32 ──

  /** A handle to free by FreeCredentialsHandle, where the status is SEC_E_OK. */
  AcquireCredentialsHandle(
    use: CredentialUse,
    credentials: Credentials,
  ): { status: number; handle: SecHandle | undefined }
  FreeCredentialsHandle(handle: SecHandle): void
  InitializeSecurityContext(call: ContextCall & { readonly targetName: string | undefined }): ContextAnswer
  AcceptSecurityContext(call: ContextCall): ContextAnswer
  DeleteSecurityContext(context: SecHandle): void
  ApplyControlToken(context: SecHandle, token: Uint8Array): number
  /** Encrypts in place; the answer is a view of `record`, valid until the next call. */
  EncryptMessage(context: SecHandle, record: RecordToEncrypt): { status: number; ciphertext: Uint8Array }
  /** Decrypts in place; what it answers are views of `ciphertext`. */
  DecryptMessage(context: SecHandle, ciphertext: Uint8Array): DecryptAnswer
  QueryContextAttributes<A extends Attribute>(context: SecHandle, attribute: A): AttributeAnswer<A>

  // ── crypt32: certificates and stores ──

  CertFreeCertificateContext(certificate: Pointer): void
  /** The bytes of a certificate, DER. */
  encodedCertificate(certificate: Pointer): Uint8Array
  /** An empty store in memory. To free by CertCloseStore, as all stores. */
  CertOpenStoreInMemory(): Answer<Pointer>
  CertOpenSystemStore(location: StoreLocation, name: string): Answer<Pointer>
  /** Copies a certificate into a store. */
  CertAddEncodedCertificateToStore(store: Pointer, der: Uint8Array): Answer<true>
  /** Every certificate in the store that fits, each to free by CertFreeCertificateContext. */
  CertFindCertificatesInStore(store: Pointer, by: FindBy): readonly Pointer[]
  /** The store that a certificate belongs to, which is not to be closed: for the peer's, it holds all that the peer sent. */
  storeOfCertificate(certificate: Pointer): Pointer | undefined
  PFXImportCertStore(pfx: Uint8Array, password: string, flags: number): Answer<Pointer>
  CertCloseStore(store: Pointer): void

  // ── crypt32: verification ──

  /** To free by CertFreeCertificateChainEngine. */
  CertCreateCertificateChainEngine(config: ChainEngineConfig): Answer<Pointer>
  CertFreeCertificateChainEngine(engine: Pointer): void
  /** To free by CertFreeCertificateChain. */
  CertGetCertificateChain(request: ChainRequest): Answer<CertificateChain>
  CertFreeCertificateChain(chain: Pointer): void
  CertVerifyCertificateChainPolicy(chain: Pointer, policy: SSLPolicy): Answer<PolicyStatus>

  // ── keys ──

  /** Whether the key of a certificate can be used: it exists, and its provider opens it. */
  CryptAcquireCertificatePrivateKey(certificate: Pointer): Answer<true>
  /** Deletes the key of a certificate that was imported under a name. */
  NCryptDeleteKey(certificate: Pointer): Answer<true>
}

/** What a function that reports by GetLastError answers. */
export type Answer<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: number }

/** A CredHandle or CtxtHandle: two words that only Windows understands. */
export type SecHandle = Uint8Array

/** A certificate, a store, an engine or a chain: an address. */
export type Pointer = bigint

export type CredentialUse = 'inbound' | 'outbound'

/** Either structure that AcquireCredentialsHandle takes for Schannel. */
export type Credentials = SchCredentials | SchannelCred

export interface SchCredentials {
  readonly structure: 'SCH_CREDENTIALS'
  readonly certificates: readonly Pointer[]
  readonly flags: number
  readonly sessionLifespanMilliseconds: number
  /** Any trusted authorities that a server names in its CertificateRequest. */
  readonly rootStore: Pointer | undefined
  readonly disabledProtocols: number
  readonly disabledCrypto: readonly CryptoSetting[]
}

export interface SchannelCred {
  readonly structure: 'SCHANNEL_CRED'
  readonly certificates: readonly Pointer[]
  readonly flags: number
  readonly sessionLifespanMilliseconds: number
  readonly rootStore: Pointer | undefined
  readonly enabledProtocols: number
}

export interface ContextCall {
  readonly credentials: SecHandle
  /** What an earlier call answered; none in the first. */
  readonly context: SecHandle | undefined
  readonly requirements: number
  /** What the peer sent; none in a client's first call, and in the one that follows ApplyControlToken. */
  readonly token: Uint8Array | undefined
  /** A SEC_APPLICATION_PROTOCOLS, in the first call alone. */
  readonly applicationProtocols: Uint8Array | undefined
}

export interface ContextAnswer {
  readonly status: number
  /** The context, whether new or not, to free by DeleteSecurityContext; none where the first call failed. */
  readonly context: SecHandle | undefined
  /** What is to be sent to the peer; may be something where the status is an error, an alert then. */
  readonly token: Uint8Array
  /** How many bytes at the end of the input were not used. */
  readonly extraBytes: number
}

export interface RecordToEncrypt {
  /** Room for header, data and trailer; the data is in its place. */
  readonly bytes: Uint8Array
  readonly headerBytes: number
  readonly dataBytes: number
  readonly trailerBytes: number
}

export interface DecryptAnswer {
  readonly status: number
  readonly data: Uint8Array
  /** What was not used: the records behind this one, or with SEC_I_RENEGOTIATE a message of the handshake and all behind it. */
  readonly extra: Uint8Array
}

/** What can be asked of a context, by the name of the constant without its SECPKG_ATTR_. */
export interface Attributes {
  readonly STREAM_SIZES: {
    readonly headerBytes: number
    readonly trailerBytes: number
    readonly maximumMessageBytes: number
  }
  readonly CONNECTION_INFO: { readonly protocol: number }
  readonly CIPHER_INFO: { readonly protocol: number; readonly cipherSuite: number }
  readonly APPLICATION_PROTOCOL: { readonly status: number; readonly protocol: Uint8Array }
  /** To free by CertFreeCertificateContext. */
  readonly REMOTE_CERT_CONTEXT: Pointer
  readonly SESSION_INFO: { readonly flags: number }
}
export type Attribute = keyof Attributes
export interface AttributeAnswer<A extends Attribute> {
  readonly status: number
  readonly value: Attributes[A] | undefined
}

export type StoreLocation = 'CurrentUser' | 'LocalMachine'

export type FindBy =
  | { readonly kind: 'any' }
  /** Which the subject contains, in any case. */
  | { readonly kind: 'subject'; readonly text: string }
  | { readonly kind: 'sha1'; readonly hash: Uint8Array }

export interface ChainEngineConfig {
  /** A store with the only certificates at which a chain may end. */
  readonly exclusiveRoot: Pointer
  readonly exclusiveFlags: number
}

export interface ChainRequest {
  /** None for the engine of the current user, which trusts what Windows trusts. */
  readonly engine: Pointer | undefined
  readonly certificate: Pointer
  /** A FILETIME. */
  readonly time: bigint
  /** Where intermediates may be found beside the stores of Windows. */
  readonly additionalStore: Pointer | undefined
  /** Object identifiers, one of which the chain has to be good for. */
  readonly usage: string
  readonly flags: number
}

/** What CertGetCertificateChain found. Only the first chain, which is the best, is read. */
export interface CertificateChain {
  readonly pointer: Pointer
  readonly errorStatus: number
  /** From the peer's certificate up. */
  readonly elements: readonly ChainElement[]
}

export interface ChainElement {
  readonly certificate: Uint8Array
  readonly errorStatus: number
  readonly infoStatus: number
}

export interface SSLPolicy {
  /** Whose certificate it is. */
  readonly of: 'client' | 'server'
  readonly serverName: string | undefined
  readonly flags: number
}

export interface PolicyStatus {
  readonly error: number
  /** Where in the chain; -1 where it is about the whole. */
  readonly elementIndex: number
}
