import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Backend,
  backends,
  type CodePoint,
  ConfigurationError,
  createPortableBackend,
  type Feature,
  type NegotiatedVersion,
  SignatureScheme,
  type SigningChain,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import type { KeyKind } from '#polytls/cli/certificates.js'
import { anyKeyKind } from './identities.ts'

/** A client of one backend that speaks with a server of another, or of the same. */
export interface Pairing {
  readonly clientBackend: Backend
  readonly serverBackend: Backend
}

/** The portable backend as browsers have it, with the files and the trust store of this machine. */
export const noble: Backend = createPortableBackend({ name: 'portable-noble', crypto: 'noble' })

/**
 * The backends that the contract suite runs on: all of the package, of those that are available here, and `portable` with its other
 * provider of cryptography. POLYTLS_TEST_BACKENDS, a list of names with commas between, narrows it to pairs with one of these, for
 * whoever works on one backend; POLYTLS_TEST_VERSIONS, likewise, what is tried in every version to these. Where tests
 * without a wish of their own use RSA (POLYTLS_TEST_KEY_KIND), those that do not sign with it are left out.
 */
export const testedBackends: readonly Backend[] = [...backends, noble].filter(
  (backend) => backend.available.yes && (!anyKeyKind.startsWith('rsa') || signsRSA(backend)),
)

const { POLYTLS_TEST_BACKENDS: narrowed, POLYTLS_TEST_VERSIONS: versions } = process.env
const wanted = narrowed?.split(',')
const wantedVersions = versions?.split(',')

/** Defines the same tests for every pair of backends, each of which has the role. */
export function forEachPair(subject: string, define: (pairing: Pairing) => void): void {
  for (const clientBackend of testedBackends) {
    for (const serverBackend of testedBackends) {
      if (!clientBackend.capabilities.roles.includes('client')) continue
      if (!serverBackend.capabilities.roles.includes('server')) continue
      if (wanted !== undefined && !wanted.includes(clientBackend.name) && !wanted.includes(serverBackend.name)) continue
      describe(`${subject}: ${clientBackend.name} client, ${serverBackend.name} server`, () => {
        define({ clientBackend, serverBackend })
      })
    }
  }
  reportUnavailable(subject)
}

/** Defines the same tests for every backend. */
export function forEachBackend(subject: string, define: (backend: Backend) => void): void {
  for (const backend of testedBackends) {
    if (wanted !== undefined && !wanted.includes(backend.name)) continue
    describe(`${subject}: ${backend.name}`, () => {
      define(backend)
    })
  }
  reportUnavailable(subject)
}

function reportUnavailable(subject: string): void {
  for (const { name, available } of backends) {
    if (available.yes) continue
    it(`${subject}: ${name}`, { skip: `not available here: ${available.reason}` }, () => {})
  }
}

/** What both backends of a pair can do. */
export function inCommon(
  { clientBackend, serverBackend }: Pairing,
  list: 'ciphers' | 'groups' | 'signatureSchemes',
): readonly CodePoint[] {
  const there = serverBackend.capabilities[list]
  return clientBackend.capabilities[list].filter((each) => there.includes(each))
}

export function has(backend: Backend, feature: Feature): boolean {
  return backend.capabilities.features.has(feature)
}

export function signsWith(backend: Backend, scheme: CodePoint): boolean {
  return backend.capabilities.signingSchemes.includes(scheme)
}

/** By any of its schemes: a provider does all of them or none. */
export function signsRSA(backend: Backend): boolean {
  return signsWith(backend, SignatureScheme.rsa_pss_rsae_sha256)
}

/**
 * A key that no list of groups excludes (RFC 8422, Section 5.1, does so with the curve of an ECDSA key), and whose signatures are all of
 * one length: RSA, or Ed25519 where the backend does not sign with RSA.
 */
export function steadyKey(backend: Backend): { readonly kind: KeyKind; readonly scheme: CodePoint } {
  const { ed25519, rsa_pss_rsae_sha256 } = SignatureScheme
  return signsRSA(backend) ? { kind: 'rsa-2048', scheme: rsa_pss_rsae_sha256 } : { kind: 'ed25519', scheme: ed25519 }
}

/** By its own kind of key, which is what a client or a server of the kind Ed25519 needs. */
export function signsEd25519(backend: Backend): boolean {
  return signsWith(backend, SignatureScheme.ed25519)
}

/** Whether a configuration can say which signatures are accepted. */
export function choosesSchemes(backend: Backend): boolean {
  return backend.capabilities.signatureSchemes.length > 0
}

/** Asserts that a backend which cannot be held to signature schemes says so, beforehand and when it is asked to. */
export function assertSchemesRefused(backend: Backend): void {
  const configuration = new TLSClientConfiguration({ signatureSchemes: [SignatureScheme.ecdsa_secp256r1_sha256] })
  assert.equal(backend.explain(configuration)[0]?.field, 'signatureSchemes[0]')
  assert.throws(
    () => backend.clientContext(configuration),
    (error) => error instanceof ConfigurationError && error.field === 'signatureSchemes[0]',
  )
}

/** Asserts that a backend which does not sign with a key of a kind says so when it is given one, in each of its roles. */
export function assertKeyRefused(backend: Backend, chain: SigningChain): void {
  const trustStore = TrustStore.fromCertificates([chain.leaf])
  for (const [role, field, make] of [
    [
      'client',
      'certificateChain.key',
      () => backend.clientContext(new TLSClientConfiguration({ trustStore, certificateChain: chain })),
    ],
    [
      'server',
      'certificateChain[0].key',
      () => backend.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })),
    ],
  ] as const) {
    if (!backend.capabilities.roles.includes(role)) continue
    assert.throws(make, (error) => {
      assert.ok(error instanceof ConfigurationError, String(error))
      assert.equal(error.field, field)
      return true
    })
  }
}

/** Options that hold a side to one version. */
export interface OneVersion {
  readonly lowestSupportedVersion: NegotiatedVersion
  readonly highestSupportedVersion: NegotiatedVersion
}

export function only(version: NegotiatedVersion): OneVersion {
  return { lowestSupportedVersion: version, highestSupportedVersion: version }
}

/** Defines the same tests for every version of TLS that both sides speak. `versions.test.ts` covers those that one does not. */
export function forEachVersion(
  { clientBackend, serverBackend }: Pairing,
  define: (version: NegotiatedVersion, bounds: OneVersion) => void,
): void {
  for (const version of clientBackend.capabilities.versions) {
    if (wantedVersions !== undefined && !wantedVersions.includes(version)) continue
    if (serverBackend.capabilities.versions.includes(version)) define(version, only(version))
  }
}
