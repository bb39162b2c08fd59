import assert from 'node:assert/strict'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import { CertificateError, type CertificateReason } from '#polytls/errors.js'
import { decodeTrustAnchors, type TrustAnchors } from '#polytls/x509/trust-anchors.js'
import { type PathRequest, type VerifiedPath, verifyPath } from '#polytls/x509/verify-path.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import {
  alternativeNames,
  basicConstraints,
  type CertificateOptions,
  dns,
  makeCertificate,
  makeKey,
  type TestKey,
} from './make-certificate.ts'

export const crypto = createNodeCrypto()
export const TIME = Date.parse('2025-01-01T00:00:00Z')

/** An authority of a test: a name, a key, and as many certificates for them as the test makes. */
export class Authority {
  readonly name: string
  readonly key: TestKey

  constructor(name: string, key: TestKey = makeKey()) {
    this.name = name
    this.key = key
  }

  /** Its own certificate, self-signed. */
  root(options: Partial<CertificateOptions> = {}): Uint8Array {
    return this.#certify(this, options)
  }

  /** A certificate for another authority. */
  certify(other: Authority, options: Partial<CertificateOptions> = {}): Uint8Array {
    return other.#certify(this, options)
  }

  /** A certificate for a peer, by default of a server with the given DNS names. */
  issue(names: string | readonly string[], options: Partial<CertificateOptions> = {}): Uint8Array {
    const list = typeof names === 'string' ? [names] : names
    return makeCertificate({
      subject: `CN=${list[0] ?? 'peer'}`,
      issuer: this.name,
      signer: this.key,
      ...options,
      extensions: [...(list.length > 0 ? [alternativeNames(...list.map(dns))] : []), ...(options.extensions ?? [])],
    })
  }

  #certify(issuer: Authority, options: Partial<CertificateOptions>): Uint8Array {
    const { extensions = [], ...rest } = options
    const given =
      options.version === 1 ||
      extensions.some((extension) => Buffer.from(extension).includes(Buffer.from('0603551d13', 'hex')))
    return makeCertificate({
      subject: this.name,
      key: this.key,
      issuer: issuer.name,
      signer: issuer.key,
      ...rest,
      extensions: [...(given ? [] : [basicConstraints(true)]), ...extensions],
    })
  }
}

export function anchorsOf(...ders: readonly Uint8Array[]): TrustAnchors {
  const { anchors, malformed } = decodeTrustAnchors(ders)
  assert.deepEqual(malformed, [])
  return anchors
}

/** Verifies a server's chain at TIME, with what the test changes. */
export function verify(
  chain: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  changes: Partial<PathRequest> = {},
): VerifiedPath {
  return verifyPath({
    chain,
    anchors: anchorsOf(...roots),
    crypto,
    purpose: 'server-authentication',
    timeMilliseconds: TIME,
    serverName: undefined,
    ...changes,
  })
}

/** Expects a refusal with this reason at this depth. */
export function refused(
  reason: CertificateReason,
  depth: number,
  chain: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  changes: Partial<PathRequest> = {},
): CertificateError {
  try {
    verify(chain, roots, changes)
  } catch (error) {
    assert.ok(error instanceof CertificateError, String(error))
    assert.deepEqual([error.reason, error.depth], [reason, depth], error.message)
    return error
  }
  assert.fail(`accepted, where ${reason} was expected`)
}

/** What verifying spends, whether it succeeds or not. */
export function workOf(chain: readonly Uint8Array[], roots: readonly Uint8Array[]): WorkBudget['spent'] {
  const budget = new WorkBudget()
  try {
    verify(chain, roots, { budget })
  } catch (error) {
    assert.ok(error instanceof CertificateError, String(error))
  }
  return budget.spent
}
