import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { Tag } from '#polytls/codec/der.js'
import {
  encodeBoolean,
  encodeContext,
  encodeElement,
  encodeSequence,
  encodeUnsigned,
} from '#polytls/codec/der-writer.js'
import type { RevocationPolicy } from '#polytls/x509/revocation.js'
import { decodeRevocationList } from '#polytls/x509/revocation-list.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import {
  extension,
  keyUsage,
  makeKey,
  makeRevocationList,
  type RevocationListOptions,
  uri,
} from './make-certificate.ts'
import { Authority, refused, verify } from './verify.ts'

const root = new Authority('CN=Root')
const middle = new Authority('CN=Intermediate')
const chain = [middle.issue('host.example', { serial: 7 }), root.certify(middle, { serial: 8 })]
const roots = [root.root()]
const number = extension('2.5.29.20', encodeUnsigned(1))

const listOf = (options: Partial<RevocationListOptions> = {}, authority = middle) =>
  decodeRevocationList(makeRevocationList({ issuer: authority.name, signer: authority.key, ...options }))
const by = (lists: RevocationPolicy['lists'], changes: Partial<RevocationPolicy> = {}) => ({
  revocation: { lists, missing: 'accept', scope: 'leaf', ...changes } as const,
})
const accepted = (...args: Parameters<typeof by>) => verify(chain, roots, by(...args))
const unknown = (...args: Parameters<typeof by>) => refused('revocation-unknown', 0, chain, roots, by(...args))

test('a list that names the certificate revokes it, at every depth', () => {
  const error = refused('revoked', 0, chain, roots, by([listOf({ revoked: [3, 7] })]))
  assert.match(error.message, /was revoked on 2024-06-01/)
  assert.equal(error.alert, 'certificate_revoked')
  refused('revoked', 1, chain, roots, by([listOf({ revoked: [8] }, root)], { scope: 'path' }))
  accepted([listOf({ revoked: [8] }, root)])
  accepted([listOf({ revoked: [3] })], { missing: 'reject' })
})

test('what is missing is for the application to decide', () => {
  accepted([])
  unknown([], { missing: 'reject' })
  accepted([listOf({ revoked: [7] }, root)])
  refused('revocation-unknown', 1, chain, roots, by([listOf()], { scope: 'path', missing: 'reject' }))
  accepted([listOf(), listOf({}, root)], { scope: 'path', missing: 'reject' })
})

test('a list of the issuer that cannot be relied on is refused', () => {
  unknown([listOf({ signer: makeKey() })])
  unknown([listOf({ nextUpdate: '2024-12-31' })])
  unknown([listOf({ thisUpdate: '2025-01-02' })])
  unknown([listOf({ extensions: [extension('1.2.3', Uint8Array.of(5, 0), true)] })])
  unknown([listOf({ extensions: [extension('2.5.29.27', encodeUnsigned(1), true)] })])
  unknown([listOf({ revoked: [3], entryExtensions: [extension('1.2.3', Uint8Array.of(5, 0), true)] })])
  accepted([listOf({ nextUpdate: '2024-12-31' }), listOf()])
  accepted([listOf({ nextUpdate: undefined })])
})

test('an authentic list counts against a certificate even when it is out of date', () => {
  refused('revoked', 0, chain, roots, by([listOf({ revoked: [7], nextUpdate: '2024-12-31' })]))
  unknown([listOf({ revoked: [7], signer: makeKey() })])
})

test('of several current lists the newest decides, so that a certificate can be released from hold', () => {
  const hold = listOf({ revoked: [7], thisUpdate: '2023-01-01' })
  accepted([hold, listOf()])
  accepted([listOf(), hold])
  refused('revoked', 0, chain, roots, by([listOf({ thisUpdate: '2023-01-01' }), listOf({ revoked: [7] })]))
  refused('revoked', 0, chain, roots, by([hold, listOf({ signer: makeKey() })]))
})

test('an issuer without the right to sign lists cannot revoke', () => {
  const limited = [chain[0] as Uint8Array, root.certify(middle, { extensions: [keyUsage(5)] })]
  refused('revocation-unknown', 0, limited, roots, by([listOf({ revoked: [7] })]))
})

test('the issuing distribution point limits what a list is about', () => {
  const point = (...fields: readonly Uint8Array[]) => extension('2.5.29.28', encodeSequence(...fields), true)
  const yes = (field: number) => encodeElement(0x80 | field, Uint8Array.of(0xff))
  const place = uri('http://crl.example/1')
  const named = point(encodeContext(0, encodeContext(0, place)))
  const revoking = (extra: Uint8Array) => [listOf({ revoked: [7], extensions: [number, extra] })]
  accepted(revoking(point(yes(2))))
  refused('revoked', 0, chain, roots, by(revoking(point(yes(1)))))
  unknown(revoking(point(yes(4))))
  unknown(revoking(point(yes(5))))
  accepted(revoking(named))
  const pointing = middle.issue('host.example', {
    serial: 7,
    extensions: [extension('2.5.29.31', encodeSequence(encodeSequence(encodeContext(0, encodeContext(0, place)))))],
  })
  refused('revoked', 0, [pointing, chain[1] as Uint8Array], roots, by(revoking(named)))
})

test('lists are decoded strictly, with the reason of each entry', () => {
  const reason = extension('2.5.29.21', encodeElement(Tag.ENUMERATED, Uint8Array.of(1)))
  const list = listOf({ revoked: [7], entryExtensions: [reason] })
  assert.deepEqual([...list.entries.values()], [{ revokedSeconds: Date.UTC(2024, 5, 1) / 1000, reasonCode: 1 }])
  assert.match(refused('revoked', 0, chain, roots, by([list])).message, /key compromise/)
  const der = makeRevocationList({ issuer: 'CN=a', signer: middle.key })
  for (let length = 0; length < der.length; length++) {
    assert.throws(() => decodeRevocationList(der.subarray(0, length)), DecodeError)
  }
  assert.throws(() => decodeRevocationList(Uint8Array.from([...der, 0])), DecodeError)
  assert.throws(() => listOf({ extensions: [number, number] }), DecodeError)
  assert.throws(() => listOf({ extensions: [extension('2.5.29.20', encodeBoolean(true))] }), DecodeError)
})

test('the signature of a list is checked once', () => {
  const list = listOf()
  const checksOf = () => {
    const budget = new WorkBudget()
    verify(chain, roots, { budget, ...by([list]) })
    return budget.spent.signatureChecks
  }
  assert.deepEqual([checksOf(), checksOf()], [3, 2])
})
