import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'
import { CertificateError, type CertificateReason } from '#polytls/errors.js'
import { type StapledStatusRequest, verifyStapledStatus } from '#polytls/x509/stapled-status.js'
import { decodeStatusResponse } from '#polytls/x509/status-response.js'
import { extendedKeyUsage, extension, keyUsage, makeKey } from './make-certificate.ts'
import { makeStatusResponse, type StatusEntry, type StatusResponseOptions } from './make-status-response.ts'
import { Authority, crypto, TIME, verify } from './verify.ts'

const root = new Authority('CN=Root')
const stranger = new Authority('CN=Stranger')
const responder = { name: 'CN=Responder', key: makeKey() }
const path = verify([root.issue('host.example', { serial: 7 })], [root.root()])
const mustStaple = extension('1.3.6.1.5.5.7.1.24', encodeSequence(encodeUnsigned(5)))
const promising = verify([root.issue('host.example', { serial: 7, extensions: [mustStaple] })], [root.root()])
const ocspSigning = extendedKeyUsage('1.3.6.1.5.5.7.3.9')

const response = (entry: Partial<StatusEntry> = {}, options: Partial<StatusResponseOptions> = {}): Uint8Array =>
  makeStatusResponse({ issuer: root, entries: [{ serial: 7, ...entry }], ...options })
const delegation = (options: Parameters<Authority['issue']>[1] = {}, issuer = root): Uint8Array =>
  issuer.issue([], { subject: responder.name, key: responder.key, extensions: [ocspSigning], ...options })

function accepted(staple: Uint8Array | undefined, changes: Partial<StapledStatusRequest> = {}): void {
  verifyStapledStatus({ path, response: staple, crypto, timeMilliseconds: TIME, isRequired: false, ...changes })
}
function refused(
  reason: CertificateReason,
  staple: Uint8Array | undefined,
  changes: Partial<StapledStatusRequest> = {},
): CertificateError {
  let thrown: unknown
  try {
    accepted(staple, changes)
  } catch (error) {
    thrown = error
  }
  assert.ok(thrown instanceof CertificateError, `accepted, or something else: ${String(thrown)}`)
  assert.equal(thrown.reason, reason, thrown.message)
  assert.equal(thrown.depth, 0)
  return thrown
}

test('a good status is accepted, by whatever hash and name of the responder', () => {
  accepted(response())
  accepted(response({ hash: 'sha256' }))
  accepted(response({}, { byKey: true }))
  accepted(response({}, { entries: [{ serial: 1, status: 'unknown' }, { serial: 7 }] }))
  accepted(response(), { crypto: createNobleCrypto(), path: verifiedWithNoble() })
})

test('a revoked certificate is refused, also by an answer that is old', () => {
  const error = refused('revoked', response({ status: { revoked: '2024-06-01', reason: 1 } }))
  assert.match(error.message, /CN=host\.example.*was revoked on 2024-06-01.*key compromise/)
  assert.equal(error.alert, 'bad_certificate_status_response')
  refused(
    'revoked',
    response({ status: { revoked: '2024-06-01' }, nextUpdate: '2024-07-01', thisUpdate: '2024-06-02' }),
  )
  const both = [{ serial: 7 }, { serial: 7, status: { revoked: '2024-06-01' } }] as const
  refused('revoked', response({}, { entries: both }))
})

test('without a response it depends on who wants one', () => {
  accepted(undefined)
  const required = refused('revocation-unknown', undefined, { isRequired: true })
  assert.equal(required.alert, 'bad_certificate_status_response')
  refused('revocation-unknown', undefined, { path: promising })
  accepted(response(), { path: promising })
  // Nobody issued what is trusted itself.
  const pinned = root.issue('host.example')
  accepted(undefined, { path: verify([pinned], [pinned]), isRequired: true })
})

test('only the issuer, or whom it names for it, can tell', () => {
  refused('revocation-unknown', response({}, { signer: stranger }))
  refused('revocation-unknown', response({}, { signer: { name: root.name, key: makeKey() } }))
  refused('revocation-unknown', response({}, { signer: { name: root.name, key: makeKey() }, byKey: true }))
  accepted(response({}, { signer: responder, certificates: [delegation()] }))
  accepted(response({}, { signer: responder, certificates: [delegation()], byKey: true }))
  refused('revocation-unknown', response({}, { signer: responder }))
  for (const [why, certificate] of Object.entries({
    'not for this purpose': delegation({ extensions: [] }),
    'by another authority': delegation({}, stranger),
    'signed by somebody else': delegation({ signer: makeKey() }),
    'out of date': delegation({ notAfter: '2024-12-01' }),
    'not yet valid': delegation({ notBefore: '2025-02-01' }),
    'unable to sign': delegation({ extensions: [ocspSigning, keyUsage(5)] }),
    'with something critical and unknown': delegation({
      extensions: [ocspSigning, extension('1.2.3', Uint8Array.of(5, 0), true)],
    }),
  })) {
    const error = refused('revocation-unknown', response({}, { signer: responder, certificates: [certificate] }))
    assert.match(error.message, /signer/, why)
  }
})

test('an answer about another certificate is none', () => {
  refused('revocation-unknown', response({ serial: 8 }))
  refused('revocation-unknown', response({ of: { name: stranger.name, key: root.key } }))
  refused('revocation-unknown', response({ of: { name: root.name, key: stranger.key } }))
  refused('revocation-unknown', response({ status: 'unknown' }))
})

test('an answer has its time', () => {
  refused('revocation-unknown', response({ nextUpdate: '2024-12-31T12:00:00Z' }))
  refused('revocation-unknown', response({ thisUpdate: '2025-01-02' }))
  // Clocks differ a little.
  accepted(response({ thisUpdate: '2025-01-01T00:04:00Z' }))
  accepted(response({ nextUpdate: '2024-12-31T23:56:00Z' }))
  accepted(response({ nextUpdate: undefined }))
  refused('revocation-unknown', response({ nextUpdate: undefined, thisUpdate: '2024-12-20' }))
})

test('what is malformed is refused, wherever it was cut', () => {
  const whole = response({}, { signer: responder, certificates: [delegation()] })
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeStatusResponse(whole.subarray(0, length)), DecodeError)
  }
  refused('revocation-unknown', whole.subarray(0, 40))
  const busy = refused('revocation-unknown', response({}, { responseStatus: 3 }))
  assert.match(busy.message, /no answer \(status 3\)/)
  refused('revocation-unknown', response({}, { extensions: [extension('1.2.3', Uint8Array.of(5, 0), true)] }))
  accepted(response({}, { extensions: [extension('1.2.3', Uint8Array.of(5, 0))] }))
  const many = Array.from({ length: 33 }, () => ({ serial: 7 }))
  refused('revocation-unknown', response({}, { entries: many }))
})

test('a flipped bit is noticed, but in what is not signed', () => {
  const whole = response()
  for (let at = 0; at < whole.length; at++) {
    const flipped = whole.slice()
    flipped[at] = (flipped[at] as number) ^ 1
    refused('revocation-unknown', flipped)
  }
})

function verifiedWithNoble(): StapledStatusRequest['path'] {
  return verify([root.issue('host.example', { serial: 7 })], [root.root()], { crypto: createNobleCrypto() })
}
