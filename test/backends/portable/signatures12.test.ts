import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SignatureScheme } from 'polytls'
import { ClientCertificateType } from '#polytls/backends/portable/messages/certificate-request.js'
import { requestedSchemes12 } from '#polytls/backends/portable/signatures12.js'

const { ecdsa_secp256r1_sha256, ed25519, rsa_pkcs1_sha256, rsa_pss_pss_sha256, rsa_pss_rsae_sha256 } = SignatureScheme
const { rsa_sign, ecdsa_sign } = ClientCertificateType
const unknown = 0xfefe
const all = [rsa_pss_rsae_sha256, ed25519, unknown, rsa_pkcs1_sha256, ecdsa_secp256r1_sha256, rsa_pss_pss_sha256]

describe('the schemes that a server of TLS 1.2 accepts of a client', () => {
  const accepted = (...types: number[]): readonly number[] =>
    requestedSchemes12({ certificateTypes: Uint8Array.from(types), signatureAlgorithms: all })

  it('are those of the certificates that it takes, in its order (RFC 5246, Section 7.4.4; RFC 8422, Section 5.5)', () => {
    assert.deepEqual(accepted(rsa_sign, ecdsa_sign), all)
    assert.deepEqual(accepted(rsa_sign), [rsa_pss_rsae_sha256, unknown, rsa_pkcs1_sha256, rsa_pss_pss_sha256])
    assert.deepEqual(accepted(ecdsa_sign), [ed25519, unknown, ecdsa_secp256r1_sha256])
    assert.deepEqual(accepted(2), [unknown])
  })
})
