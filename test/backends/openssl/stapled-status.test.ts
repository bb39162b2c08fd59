import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CertificateError } from 'polytls'
import { Library, loadLibrary } from '#polytls/backends/openssl/library.js'
import { findStatusError } from '#polytls/backends/openssl/stapled-status.js'
import { makeStatusResponse } from '../../x509/make-status-response.ts'
import { mustStaple, type StapledStatusCase, stapledStatusCases } from '../../x509/stapled-status-cases.ts'
import { Authority, TIME } from '../../x509/verify.ts'

for (const choice of ['embedded', 'system'] as const) {
  const library = loadLibrary(choice)
  if (!(library instanceof Library)) {
    it(`stapled states with the ${choice} library`, { skip: `not available here: ${library.reason}` }, () => {})
    continue
  }
  describe(`stapled states with the ${choice} library`, () => {
    for (const given of stapledStatusCases) {
      it(`${given.name} is ${given.reason ?? 'accepted'}, as with the portable backend`, () => {
        const error = verdict(library, given)
        assert.equal(error?.reason, given.reason, error?.message)
        if (error === undefined) return
        assert.ok(error instanceof CertificateError)
        assert.equal(error.alert, 'bad_certificate_status_response')
        assert.equal(error.depth, 0)
        assert.equal(error.subject, 'CN=host.example')
        // Nothing of it is left for somebody else to find.
        assert.equal(library.native.ERR_get_error(), 0)
      })
    }

    it('the state of a certificate that OpenSSL takes, and the judge does not, matters to those who want to know', () => {
      const root = new Authority('CN=Root')
      // RFC 5280, Section 4.1.2.2: no more than 20.
      const serial = new Uint8Array(21).fill(1)
      const pathOf = (...extensions: readonly Uint8Array[]) => [
        root.issue('host.example', { serial, extensions }),
        root.root(),
      ]
      const staple = makeStatusResponse({ issuer: root, entries: [{ serial: 7 }] })
      for (const [path, response, isRequired, reason] of [
        [pathOf(), undefined, false, undefined],
        [pathOf(mustStaple), undefined, false, 'revocation-unknown'],
        [pathOf(), undefined, true, 'revocation-unknown'],
        [pathOf(), staple, false, 'revocation-unknown'],
      ] as const) {
        const error = verdict(library, { path, response, isRequired })
        assert.equal(error?.reason, reason, error?.message)
        if (error === undefined) continue
        assert.match(error.message, /cannot be judged.*serialNumber/)
        assert.equal(error.alert, 'bad_certificate_status_response')
        assert.equal(error.subject, 'CN=host.example')
      }
    })
  })
}

function verdict(
  library: Library,
  { path, response, isRequired = false }: Pick<StapledStatusCase, 'path' | 'response' | 'isRequired'>,
): CertificateError | undefined {
  const { native, koffi } = library
  const stack = native.OPENSSL_sk_new_null() as bigint
  const certificates = path.map((der) => {
    // C reads what it is told to, so the memory must stay where it is.
    const bytes = Buffer.from(der)
    const certificate = native.d2i_X509(null, BigUint64Array.of(koffi.address(bytes)), bytes.length) as bigint
    native.OPENSSL_sk_push(stack, certificate)
    return certificate
  })
  try {
    return findStatusError(library, { path: stack, response, isRequired, nowMilliseconds: TIME })
  } finally {
    native.OPENSSL_sk_free(stack)
    for (const certificate of certificates) native.X509_free(certificate)
  }
}
