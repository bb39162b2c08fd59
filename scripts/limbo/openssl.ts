import { OpenSSLBackend } from '#polytls/backends/openssl/backend.js'
import type { StepListener } from '#polytls/backends/openssl/callbacks.js'
import { type Library, loadLibrary, requireLibrary } from '#polytls/backends/openssl/library.js'
import { PeerVerification } from '#polytls/backends/openssl/peer-verification.js'
import { PreparedContext, type Workshop } from '#polytls/backends/openssl/prepared-context.js'
import type { Pointer } from '#polytls/backends/openssl/prototypes.js'
import { TrustStores } from '#polytls/backends/openssl/trust.js'
import { parseServerName } from '#polytls/channel/server-name.js'
import { decodePem } from '#polytls/codec/pem.js'
import { TLSClientConfiguration } from '#polytls/config/client-configuration.js'
import { RevocationList } from '#polytls/config/revocation.js'
import { TrustStore } from '#polytls/config/trust-store.js'
import { TLSError } from '#polytls/errors.js'
import type { ChainVerifierUnderTest, LimboCase, Verdict } from './cases.ts'

/**
 * The verification of the backends on OpenSSL: what a context of theirs sets up, given a chain as a handshake would give it. The cases come
 * without private keys, so that no handshake can show their chains.
 */
export function opensslVerifier(name: string, choice: 'embedded' | 'system'): ChainVerifierUnderTest {
  const library = requireLibrary(name, loadLibrary(choice))
  const noSystemTrust = (): never => {
    throw new Error('the cases say themselves whom to trust')
  }
  const workshop: Workshop = {
    backend: new OpenSSLBackend(name, choice, { loadSystemTrust: noSystemTrust, now: Date.now }),
    library,
    trustStores: new TrustStores(library, noSystemTrust),
    now: Date.now,
  }
  const more = bindMore(library, choice)
  return {
    name: `${name}, ${library.version}`,
    deliberate: new Map(),
    verify: (limboCase) => verify(limboCase, workshop, more),
  }
}

function verify(limboCase: LimboCase, workshop: Workshop, more: More): Verdict {
  const { crls, expected_peer_name: name, validation_time } = limboCase
  if (limboCase.max_chain_depth !== undefined) return { skip: 'no option limits the length of chains' }
  if (limboCase.validation_kind === 'CLIENT' && name !== undefined)
    return { skip: 'servers expect no names of clients' }
  try {
    const configuration = new TLSClientConfiguration({
      trustStore: TrustStore.fromBuffer(limboCase.trusted_certs.join('\n')),
      ...(crls.length > 0 && {
        revocation: { lists: [RevocationList.fromBuffer(crls.join('\n'))], missing: 'accept' },
      }),
    })
    const prepared = new PreparedContext(workshop, configuration, { now: () => validation_time })
    const context = prepared.newContext()
    prepared.trust(context, configuration.trustStore as TrustStore)
    const ssl = prepared.newConnection(name === undefined ? undefined : parseServerName(name))
    try {
      return verifyChain(limboCase, workshop.library, more, ssl, context)
    } finally {
      workshop.library.native.SSL_free(ssl)
    }
  } catch (error) {
    // Trusted certificates and lists that cannot be read are refused by the context.
    if (!(error instanceof TLSError)) throw error
    return { reject: error.message }
  }
}

/** What ssl_verify_cert_chain does, with the certificates of the case in place of the peer's. */
function verifyChain(limboCase: LimboCase, library: Library, more: More, ssl: Pointer, context: Pointer): Verdict {
  const { native, callbacks, koffi } = library
  const verification = new PeerVerification(library, {
    isServer: false,
    asksForVeto: false,
    skipsChain: false,
    revocation: limboCase.crls.length > 0 ? { lists: [], missing: 'accept' } : undefined,
    serverName: limboCase.expected_peer_name,
  })
  const owned: Pointer[] = []
  const read = (pem: string): Pointer | undefined => {
    const der = decodePem(pem)[0]?.bytes ?? new Uint8Array(0)
    const certificate = native.d2i_X509(null, BigUint64Array.of(koffi.address(der)), der.byteLength)
    if (certificate === null) return undefined
    owned.push(certificate)
    return certificate
  }
  const stack = more.OPENSSL_sk_new_null()
  const storeContext = more.X509_STORE_CTX_new()
  try {
    const leaf = read(limboCase.peer_certificate)
    if (leaf === undefined) return { reject: 'the certificate cannot be read' }
    for (const pem of limboCase.untrusted_intermediates) {
      const certificate = read(pem)
      // One that cannot be read makes the peer's whole message unreadable.
      if (certificate === undefined) return { reject: 'an intermediate certificate cannot be read' }
      more.OPENSSL_sk_push(stack, certificate)
    }
    more.X509_STORE_CTX_init(storeContext, more.SSL_CTX_get_cert_store(context), leaf, stack)
    more.X509_STORE_CTX_set_default(storeContext, limboCase.validation_kind === 'SERVER' ? 'ssl_server' : 'ssl_client')
    const parameters = more.X509_STORE_CTX_get0_param(storeContext)
    more.X509_VERIFY_PARAM_set_auth_level(parameters, more.SSL_get_security_level(ssl))
    more.X509_VERIFY_PARAM_set1(parameters, native.SSL_get0_param(ssl))
    // Verification asks for nothing else.
    callbacks.listener = {
      judge: (found, at) => verification.judge(found, at),
    } as Partial<StepListener> as StepListener
    const accepted = verification.verifyChain(ssl, storeContext) === 1
    const failure = callbacks.takeFailure()
    if (failure !== undefined) throw failure.thrown
    if (accepted) return 'accept'
    const { refusal } = verification
    return { reject: refusal === undefined ? 'refused' : `${refusal.reason}: ${refusal.message}` }
  } finally {
    callbacks.listener = undefined
    more.X509_STORE_CTX_free(storeContext)
    more.OPENSSL_sk_free(stack)
    for (const each of owned) native.X509_free(each)
    native.ERR_clear_error()
  }
}

/** Functions that a handshake calls inside OpenSSL, and the backend never. */
interface More {
  OPENSSL_sk_new_null(): Pointer
  OPENSSL_sk_push(stack: Pointer, element: Pointer): number
  OPENSSL_sk_free(stack: Pointer): void
  X509_STORE_CTX_new(): Pointer
  X509_STORE_CTX_free(storeContext: Pointer): void
  X509_STORE_CTX_init(storeContext: Pointer, store: Pointer, leaf: Pointer, untrusted: Pointer): number
  X509_STORE_CTX_set_default(storeContext: Pointer, name: string): number
  X509_STORE_CTX_get0_param(storeContext: Pointer): Pointer
  X509_VERIFY_PARAM_set1(to: Pointer, from: Pointer | null): number
  X509_VERIFY_PARAM_set_auth_level(parameters: Pointer, level: number): void
  SSL_CTX_get_cert_store(context: Pointer): Pointer
  SSL_get_security_level(ssl: Pointer): number
}

const prototypes: { readonly [Name in keyof More]: string } = {
  OPENSSL_sk_new_null: 'void* OPENSSL_sk_new_null()',
  OPENSSL_sk_push: 'int OPENSSL_sk_push(void*, void*)',
  OPENSSL_sk_free: 'void OPENSSL_sk_free(void*)',
  X509_STORE_CTX_new: 'void* X509_STORE_CTX_new()',
  X509_STORE_CTX_free: 'void X509_STORE_CTX_free(void*)',
  X509_STORE_CTX_init: 'int X509_STORE_CTX_init(void*, void*, void*, void*)',
  X509_STORE_CTX_set_default: 'int X509_STORE_CTX_set_default(void*, const char*)',
  X509_STORE_CTX_get0_param: 'void* X509_STORE_CTX_get0_param(void*)',
  X509_VERIFY_PARAM_set1: 'int X509_VERIFY_PARAM_set1(void*, void*)',
  X509_VERIFY_PARAM_set_auth_level: 'void X509_VERIFY_PARAM_set_auth_level(void*, int)',
  SSL_CTX_get_cert_store: 'void* SSL_CTX_get_cert_store(void*)',
  SSL_get_security_level: 'int SSL_get_security_level(void*)',
}

function bindMore({ koffi }: Library, choice: 'embedded' | 'system'): More {
  const handles =
    choice === 'embedded'
      ? [koffi.load(null)]
      : ['libcrypto.so.3', 'libssl.so.3'].map((name) => koffi.load(name, { deep: true }))
  const bound = Object.entries(prototypes).map(([name, prototype]) => {
    const handle = name.startsWith('SSL_') ? (handles[1] ?? handles[0]) : handles[0]
    return [name, handle?.func(prototype)]
  })
  // Each has the prototype beside its name.
  return Object.fromEntries(bound) as More
}
