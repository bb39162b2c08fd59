import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import type {
  Answer,
  Attribute,
  AttributeAnswer,
  Attributes,
  CertificateChain,
  ChainElement,
  ChainEngineConfig,
  ChainRequest,
  ContextAnswer,
  ContextCall,
  Credentials,
  CredentialUse,
  DecryptAnswer,
  FindBy,
  NativeSecurity,
  Pointer,
  PolicyStatus,
  RecordToEncrypt,
  SecHandle,
  SSLPolicy,
  StoreLocation,
} from '#polytls/backends/schannel/native.js'
import { Status } from '#polytls/backends/schannel/status.js'
import { clientHello, type HelloOptions } from './records.ts'

/** What one call of the script expects and answers. */
export type Step =
  | {
      readonly call: 'InitializeSecurityContext' | 'AcceptSecurityContext'
      readonly status: number
      readonly token?: Uint8Array
      readonly extraBytes?: number
      /** What has to have come; undefined for no input. */
      readonly input?: Uint8Array | undefined
    }
  | {
      readonly call: 'DecryptMessage'
      readonly status: number
      readonly data?: string
      /** Bytes at the end of the input, or a message that Windows has put there. */
      readonly extra?: number | Uint8Array
      readonly input?: Uint8Array
    }
  | { readonly call: 'EncryptMessage'; readonly status: number }
  | { readonly call: 'ApplyControlToken'; readonly status: number; readonly token?: readonly number[] }

/**
 * Windows' native layer with the answers in the hands of the test: it answers as Microsoft documents, in the order of a script, and keeps
 * account of everything that has to be freed. What the script does not expect is a failure of the test.
 */
export class ScriptedSecurity implements NativeSecurity {
  readonly systemName = 'Windows 10.0.26100'
  /** What Schannel offers as a client; undefined where it answers `probeStatus` instead. */
  offers: HelloOptions = {}
  /** What AcquireCredentialsHandle answers. */
  acquire: (credentials: Credentials, use: CredentialUse) => number = () => Status.SEC_E_OK
  servesClients = true
  /** Every structure that was given. */
  readonly acquired: {
    readonly use: CredentialUse
    readonly credentials: Credentials
    readonly handle: SecHandle | undefined
  }[] = []
  readonly calls: (ContextCall & { readonly targetName?: string | undefined })[] = []
  script: Step[] = []
  attributes: Partial<Attributes> = {
    STREAM_SIZES: { headerBytes: 5, trailerBytes: 17, maximumMessageBytes: 16_384 },
  }
  /** What the peer sent, DER, its own certificate first. */
  peerChain: readonly Uint8Array[] = []
  /** What the chain engine finds; where it is not said, the peer's chain without a fault, up to what is trusted. */
  chain:
    | { readonly errorStatus: number; readonly elements: readonly ChainElement[] }
    | { readonly error: number }
    | undefined
  policy: Answer<PolicyStatus> = { value: { error: 0, elementIndex: -1 } }
  readonly chainRequests: ChainRequest[] = []
  readonly engines: ChainEngineConfig[] = []
  readonly policies: SSLPolicy[] = []
  /** What lies in the stores of the system. */
  readonly systemStores = new Map<string, readonly Uint8Array[]>()
  /** What a PKCS #12 file holds, whichever it is. */
  importable: readonly Uint8Array[] = []
  readonly imports: { readonly password: string; readonly flags: number }[] = []
  /** What fails instead of succeeding, by the name of the function. */
  readonly failing = new Map<string, number>()
  readonly deletedKeys: Pointer[] = []

  readonly #open = new Map<string, number>()
  readonly #certificates = new Map<Pointer, { readonly der: Uint8Array; readonly store: Pointer | undefined }>()
  readonly #stores = new Map<Pointer, Uint8Array[]>()
  readonly #storeOfEngine = new Map<Pointer, Pointer>()
  #next = 1n

  /** Everything that was opened has been closed. */
  assertNothingLeft(): void {
    assert.deepEqual(this.stillOpen(), {})
  }

  stillOpen(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#open].filter(([, count]) => count !== 0))
  }

  assertScriptDone(): void {
    assert.deepEqual(
      this.script.map(({ call }) => call),
      [],
      'the script expects more calls',
    )
  }

  get openContexts(): number {
    return this.#open.get('context') ?? 0
  }

  // ── secur32 ──

  AcquireCredentialsHandle(
    use: CredentialUse,
    credentials: Credentials,
  ): { status: number; handle: SecHandle | undefined } {
    const status = this.acquire(credentials, use)
    const handle = status === Status.SEC_E_OK ? this.#handle('credentials') : undefined
    this.acquired.push({ use, credentials, handle })
    return { status, handle }
  }

  FreeCredentialsHandle(_handle: SecHandle): void {
    this.#close('credentials')
  }

  InitializeSecurityContext(call: ContextCall & { readonly targetName: string | undefined }): ContextAnswer {
    // How the backend finds out what there is.
    if (call.targetName === 'server.invalid') {
      const token = clientHello(this.offers)
      return { status: Status.SEC_I_CONTINUE_NEEDED, context: this.#handle('context'), token, extraBytes: 0 }
    }
    return this.#exchange('InitializeSecurityContext', call)
  }

  AcceptSecurityContext(call: ContextCall): ContextAnswer {
    // The same for the other side.
    if (call.context === undefined && call.token?.byteLength === 1) {
      const status = this.servesClients ? Status.SEC_E_INVALID_HANDLE : Status.SEC_E_UNSUPPORTED_FUNCTION
      return { status, context: undefined, token: nothing, extraBytes: 0 }
    }
    return this.#exchange('AcceptSecurityContext', call)
  }

  #exchange(name: 'InitializeSecurityContext' | 'AcceptSecurityContext', call: ContextCall): ContextAnswer {
    this.calls.push({ ...call, token: call.token && Buffer.from(call.token) })
    const step = this.#take(name)
    assert.ok(step.call === name)
    if ('input' in step) assert.deepEqual(call.token && Buffer.from(call.token), step.input && Buffer.from(step.input))
    const failedFirst = call.context === undefined && step.status >= 0x8000_0000
    const context = call.context ?? (failedFirst ? undefined : this.#handle('context'))
    return { status: step.status, context, token: step.token ?? nothing, extraBytes: step.extraBytes ?? 0 }
  }

  DeleteSecurityContext(_context: SecHandle): void {
    this.#close('context')
  }

  ApplyControlToken(_context: SecHandle, token: Uint8Array): number {
    const step = this.#take('ApplyControlToken')
    assert.ok(step.call === 'ApplyControlToken')
    const { buffer, byteOffset, byteLength } = Buffer.from(token)
    if (step.token !== undefined) {
      assert.deepEqual([...new Uint32Array(buffer.slice(byteOffset, byteOffset + byteLength))], step.token)
    }
    return step.status
  }

  EncryptMessage(
    _context: SecHandle,
    { bytes, headerBytes, dataBytes }: RecordToEncrypt,
  ): { status: number; ciphertext: Uint8Array } {
    const step = this.#take('EncryptMessage')
    const ciphertext = Buffer.from(bytes.subarray(0, headerBytes + dataBytes))
    ciphertext.set([23, 3, 3, dataBytes >> 8, dataBytes & 0xff])
    return { status: step.status, ciphertext: step.status === Status.SEC_E_OK ? ciphertext : nothing }
  }

  DecryptMessage(_context: SecHandle, ciphertext: Uint8Array): DecryptAnswer {
    const step = this.#take('DecryptMessage')
    assert.ok(step.call === 'DecryptMessage')
    if (step.input !== undefined) assert.deepEqual(Buffer.from(ciphertext), Buffer.from(step.input))
    const { extra = 0 } = step
    return {
      status: step.status,
      data: Buffer.from(step.data ?? ''),
      extra: typeof extra === 'number' ? ciphertext.subarray(ciphertext.byteLength - extra) : extra,
    }
  }

  QueryContextAttributes<A extends Attribute>(_context: SecHandle, attribute: A): AttributeAnswer<A> {
    const [leaf] = this.peerChain
    if (attribute === 'REMOTE_CERT_CONTEXT' && leaf !== undefined) {
      const store = this.#store([...this.peerChain].reverse())
      return { status: Status.SEC_E_OK, value: this.#certificate(leaf, store) as Attributes[A] }
    }
    const value = this.attributes[attribute]
    return { status: value === undefined ? Status.SEC_E_UNSUPPORTED_FUNCTION : Status.SEC_E_OK, value }
  }

  // ── certificates and stores ──

  CertFreeCertificateContext(certificate: Pointer): void {
    assert.ok(this.#certificates.delete(certificate), 'a certificate is freed twice')
    this.#close('certificate')
  }

  encodedCertificate(certificate: Pointer): Uint8Array {
    const found = this.#certificates.get(certificate)
    assert.ok(found, 'a certificate is read after it was freed')
    return found.der
  }

  CertOpenStoreInMemory(): Answer<Pointer> {
    return this.#unlessFailing('CertOpenStoreInMemory', () => this.#openStore([]))
  }

  CertOpenSystemStore(location: StoreLocation, name: string): Answer<Pointer> {
    const content = this.systemStores.get(`${location}/${name}`)
    return content === undefined ? { error: 2 } : { value: this.#openStore(content) }
  }

  CertAddEncodedCertificateToStore(store: Pointer, der: Uint8Array): Answer<true> {
    return this.#unlessFailing('CertAddEncodedCertificateToStore', () => {
      this.#stores.get(store)?.push(der)
      return true as const
    })
  }

  CertFindCertificatesInStore(store: Pointer, by: FindBy): readonly Pointer[] {
    const content = this.#stores.get(store) ?? []
    return content.filter((der) => this.#fits(der, by)).map((der) => this.#certificate(der, store))
  }

  #fits(der: Uint8Array, by: FindBy): boolean {
    if (by.kind === 'any') return true
    const certificate = new X509Certificate(der)
    return by.kind === 'subject'
      ? certificate.subject.toLowerCase().includes(by.text.toLowerCase())
      : Buffer.from(certificate.fingerprint.replaceAll(':', ''), 'hex').equals(by.hash)
  }

  storeOfCertificate(certificate: Pointer): Pointer | undefined {
    return this.#certificates.get(certificate)?.store
  }

  PFXImportCertStore(_pfx: Uint8Array, password: string, flags: number): Answer<Pointer> {
    this.imports.push({ password, flags })
    return this.#unlessFailing('PFXImportCertStore', () => this.#openStore(this.importable))
  }

  CertCloseStore(_store: Pointer): void {
    this.#close('store')
  }

  // ── verification ──

  CertCreateCertificateChainEngine(config: ChainEngineConfig): Answer<Pointer> {
    return this.#unlessFailing('CertCreateCertificateChainEngine', () => {
      this.engines.push(config)
      const engine = this.#pointer('engine')
      this.#storeOfEngine.set(engine, config.exclusiveRoot)
      return engine
    })
  }

  CertFreeCertificateChainEngine(_engine: Pointer): void {
    this.#close('engine')
  }

  CertGetCertificateChain(request: ChainRequest): Answer<CertificateChain> {
    this.chainRequests.push(request)
    const chain = this.chain ?? { errorStatus: 0, elements: this.#faultless(request) }
    return 'error' in chain ? { error: chain.error } : { value: { pointer: this.#pointer('chain'), ...chain } }
  }

  /** What the peer sent, and what is trusted behind it. */
  #faultless({ engine }: ChainRequest): readonly ChainElement[] {
    const trusted = this.#stores.get(this.#storeOfEngine.get(engine ?? 0n) ?? 0n) ?? []
    const sent = new Set(this.peerChain.map((der) => Buffer.from(der).toString('hex')))
    const behind = trusted.filter((der) => !sent.has(Buffer.from(der).toString('hex')))
    return [...this.peerChain, ...behind].map((certificate) => ({ certificate, errorStatus: 0, infoStatus: 0 }))
  }

  CertFreeCertificateChain(_chain: Pointer): void {
    this.#close('chain')
  }

  CertVerifyCertificateChainPolicy(_chain: Pointer, policy: SSLPolicy): Answer<PolicyStatus> {
    this.policies.push(policy)
    return this.policy
  }

  // ── keys ──

  CryptAcquireCertificatePrivateKey(_certificate: Pointer): Answer<true> {
    return this.#unlessFailing('CryptAcquireCertificatePrivateKey', () => true as const)
  }

  NCryptDeleteKey(certificate: Pointer): Answer<true> {
    this.deletedKeys.push(certificate)
    return this.#unlessFailing('NCryptDeleteKey', () => true as const)
  }

  // ── the account ──

  #take(name: Step['call']): Step {
    const step = this.script.shift()
    assert.ok(step, `${name} was called, and the script expects nothing any more`)
    assert.equal(step.call, name, `${name} was called, and the script expects ${step.call}`)
    return step
  }

  #unlessFailing<T>(name: string, make: () => T): Answer<T> {
    const error = this.failing.get(name)
    return error === undefined ? { value: make() } : { error }
  }

  #handle(kind: 'credentials' | 'context'): SecHandle {
    this.#opened(kind)
    const handle = Buffer.alloc(16)
    handle.writeBigUInt64LE(this.#next++)
    return handle
  }

  #pointer(kind: string): Pointer {
    this.#opened(kind)
    return this.#next++
  }

  #certificate(der: Uint8Array, store: Pointer | undefined): Pointer {
    const pointer = this.#pointer('certificate')
    this.#certificates.set(pointer, { der, store })
    return pointer
  }

  #openStore(content: readonly Uint8Array[]): Pointer {
    this.#opened('store')
    return this.#store(content)
  }

  /** One that Windows closes by itself. */
  #store(content: readonly Uint8Array[]): Pointer {
    const pointer = this.#next++
    this.#stores.set(pointer, [...content])
    return pointer
  }

  #opened(kind: string): void {
    this.#open.set(kind, (this.#open.get(kind) ?? 0) + 1)
  }

  #close(kind: string): void {
    const count = this.#open.get(kind) ?? 0
    assert.ok(count > 0, `more of ${kind} is closed than was opened`)
    this.#open.set(kind, count - 1)
  }
}

const nothing: Uint8Array = new Uint8Array(0)
