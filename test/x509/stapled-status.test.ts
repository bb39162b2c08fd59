import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestStapledResponseBytes } from '#polytls/channel/limits.js'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'
import { CertificateError } from '#polytls/errors.js'
import { verifyStapledStatus } from '#polytls/x509/stapled-status.js'
import { decodeStatusResponse } from '#polytls/x509/status-response.js'
import { makeStatusResponse } from './make-status-response.ts'
import { type StapledStatusCase, stapledStatusCases } from './stapled-status-cases.ts'
import { Authority, crypto, TIME, verify } from './verify.ts'

function verdict(given: StapledStatusCase, provider: CryptoProvider = crypto): CertificateError | undefined {
  const { path: chain, response, isRequired = false } = given
  const [leaf, issuer] = verify(chain, [chain.at(-1) as Uint8Array], { crypto: provider }).path
  // Who is trusted itself has nobody above.
  if (leaf === undefined || issuer === undefined) return undefined
  const longestResponseBytes = longestStapledResponseBytes
  try {
    verifyStapledStatus({
      leaf,
      issuer,
      response,
      longestResponseBytes,
      crypto: provider,
      timeMilliseconds: TIME,
      isRequired,
    })
    return undefined
  } catch (error) {
    assert.ok(error instanceof CertificateError, String(error))
    return error
  }
}

for (const given of stapledStatusCases) {
  test(`a stapled status: ${given.name} is ${given.reason ?? 'accepted'}`, () => {
    const error = verdict(given)
    assert.equal(error?.reason, given.reason, error?.message)
    if (error === undefined) return
    assert.equal(error.alert, 'bad_certificate_status_response')
    assert.equal(error.depth, 0)
    assert.match(error.message, /host\.example/)
  })
}

test('the noble provider judges alike', () => {
  const noble = createNobleCrypto()
  for (const given of stapledStatusCases) assert.equal(verdict(given, noble)?.reason, given.reason, given.name)
})

test('a revoked certificate is told with time and reason', () => {
  const revoked = stapledStatusCases.find(({ reason }) => reason === 'revoked') as StapledStatusCase
  assert.match(verdict(revoked)?.message ?? '', /was revoked on 2024-06-01.*key compromise/)
})

const root = new Authority('CN=Root')
const whole = makeStatusResponse({ issuer: root, entries: [{ serial: 7 }] })

test('what is malformed is refused, wherever it was cut, and so is too much', () => {
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => decodeStatusResponse(whole.subarray(0, length)), DecodeError)
  }
  const many = makeStatusResponse({ issuer: root, entries: Array.from({ length: 33 }, () => ({ serial: 7 })) })
  assert.throws(() => decodeStatusResponse(many), DecodeError)
})

test('a flipped bit is noticed, wherever it is', () => {
  const path = [root.issue('host.example', { serial: 7 }), root.root()]
  for (let at = 0; at < whole.length; at++) {
    const flipped = whole.slice()
    flipped[at] = (flipped[at] as number) ^ 1
    const error = verdict({ name: 'flipped', response: flipped, path, reason: 'revocation-unknown' })
    assert.ok(error !== undefined, `byte ${at}`)
  }
})
