import assert from 'node:assert/strict'
import { longestStapledResponseBytes } from '#polytls/channel/limits.js'
import { encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import {
  authorityKeyIdentifier,
  extendedKeyUsage,
  extension,
  keyUsage,
  makeKey,
  subjectKeyIdentifier,
} from './make-certificate.ts'
import { makeStatusResponse, paddedTo, type StatusEntry, type StatusResponseOptions } from './make-status-response.ts'
import { Authority } from './verify.ts'

/** What a server staples, and what every backend has to make of it. The time is that of `verify.ts`. */
export interface StapledStatusCase {
  readonly name: string
  readonly response: Uint8Array | undefined
  readonly isRequired?: boolean
  /** From the leaf to the trusted certificate, DER. */
  readonly path: readonly Uint8Array[]
  readonly reason: 'revoked' | 'revocation-unknown' | undefined
}

const root = new Authority('CN=Root')
const stranger = new Authority('CN=Stranger')
const responder = { name: 'CN=Responder', key: makeKey() }
/** Other keys under names that are taken. */
const successor = { name: responder.name, key: makeKey() }
const namesake = { name: root.name, key: makeKey() }
const small = { name: 'CN=Small Responder', key: makeKey('rsa1024') }
/** RFC 7633. */
export const mustStaple: Uint8Array = extension('1.3.6.1.5.5.7.1.24', encodeSequence(encodeUnsigned(5)))
const ocspSigning = extendedKeyUsage('1.3.6.1.5.5.7.3.9')
const noCheck = extension('1.3.6.1.5.5.7.48.1.5', Uint8Array.of(5, 0), true)
const critical = extension('1.2.3', Uint8Array.of(5, 0), true)
const path = [root.issue('host.example', { serial: 7 }), root.root()]
const promising = [root.issue('host.example', { serial: 7, extensions: [mustStaple] }), root.root()]

const response = (entry: Partial<StatusEntry> = {}, options: Partial<StatusResponseOptions> = {}): Uint8Array =>
  makeStatusResponse({ issuer: root, entries: [{ serial: 7, ...entry }], ...options })
const delegation = (options: Parameters<Authority['issue']>[1] = {}, issuer = root): Uint8Array =>
  issuer.issue([], { subject: responder.name, key: responder.key, extensions: [ocspSigning], ...options })
const delegatedTo = (signer: typeof responder, ...certificates: readonly Uint8Array[]): Uint8Array =>
  response({}, { signer, certificates })
const delegated = (certificate: Uint8Array, options: Partial<StatusResponseOptions> = {}): Uint8Array =>
  response({}, { signer: responder, certificates: [certificate], ...options })
const given = (
  name: string,
  staple: Uint8Array | undefined,
  reason: StapledStatusCase['reason'],
  changes: Partial<StapledStatusCase> = {},
): StapledStatusCase => ({ name, response: staple, path, reason, ...changes })

/** What must be DER, with a length that is written longer than need be. */
function withLongLength(der: Uint8Array): Uint8Array {
  const [tag, form, ...rest] = der
  assert.equal(form, 0x81)
  return Uint8Array.of(tag as number, 0x82, 0, ...rest)
}

/** A good answer of so many bytes. */
const ofLength = (length: number): Uint8Array => paddedTo(length, (extensions) => response({}, { extensions }))

const pinned = [root.issue('host.example')]
const revoked = { status: { revoked: '2024-06-01', reason: 1 } } as const
const unknown = 'revocation-unknown'

export const stapledStatusCases: readonly StapledStatusCase[] = [
  given('a good status', response(), undefined),
  given('one by SHA-256', response({ hash: 'sha256' }), undefined),
  given('one whose responder is named by its key', response({}, { byKey: true }), undefined),
  given('one beside others', response({}, { entries: [{ serial: 1, status: 'unknown' }, { serial: 7 }] }), undefined),
  given('a certificate that was revoked', response(revoked), 'revoked'),
  given(
    'one that was revoked, by an answer that is old',
    response({ ...revoked, thisUpdate: '2024-06-02', nextUpdate: '2024-07-01' }),
    'revoked',
  ),
  given('both at once', response({}, { entries: [{ serial: 7 }, { serial: 7, ...revoked }] }), 'revoked'),

  given('none, where nobody insists', undefined, undefined),
  given('none, where there has to be one', undefined, unknown, { isRequired: true }),
  given('none, where the certificate promises one', undefined, unknown, { path: promising }),
  given('the one that was promised', response(), undefined, { path: promising }),
  given('none for a certificate that nobody issued', undefined, undefined, { path: pinned, isRequired: true }),

  given('the word of a stranger', response({}, { signer: stranger }), unknown),
  given('the word of a namesake', response({}, { signer: { name: root.name, key: makeKey() } }), unknown),
  given('a responder that nobody knows', response({}, { signer: responder }), unknown),
  given('a responder that the issuer named', delegated(delegation()), undefined),
  given('the same, by its key', delegated(delegation(), { byKey: true }), undefined),
  given('a responder not for this purpose', delegated(delegation({ extensions: [] })), unknown),
  given('a responder of another authority', delegated(delegation({}, stranger)), unknown),
  given('a responder whose certificate is forged', delegated(delegation({ signer: makeKey() })), unknown),
  given('a responder that is out of date', delegated(delegation({ notAfter: '2024-12-01' })), unknown),
  given('a responder whose time has not come', delegated(delegation({ notBefore: '2025-02-01' })), unknown),
  given('a responder that may not sign', delegated(delegation({ extensions: [ocspSigning, keyUsage(5)] })), unknown),
  given('a responder with what is unknown', delegated(delegation({ extensions: [ocspSigning, critical] })), unknown),
  given('a responder signed for by SHA-1', delegated(delegation({ hash: 'sha1' })), unknown),
  given(
    'a responder with a short key',
    delegatedTo(small, delegation({ subject: small.name, key: small.key })),
    unknown,
  ),
  given('a responder until this second', delegated(delegation({ notAfter: '2025-01-01T00:00:00Z' })), undefined),
  given('a responder that needs no check', delegated(delegation({ extensions: [ocspSigning, noCheck] })), undefined),
  given(
    'a responder after another of its name',
    delegatedTo(responder, delegation({ key: successor.key }), delegation()),
    undefined,
  ),
  given(
    'a responder after its former certificate',
    delegatedTo(responder, delegation({ notAfter: '2024-12-01' }), delegation()),
    undefined,
  ),
  given(
    'a responder of the name of the issuer',
    delegatedTo(namesake, delegation({ subject: namesake.name, key: namesake.key })),
    undefined,
  ),
  given(
    'a responder with a hint at another key of the issuer',
    delegated(delegation({ extensions: [ocspSigning, authorityKeyIdentifier(Uint8Array.of(1))] })),
    undefined,
    { path: [path[0] as Uint8Array, root.root({ extensions: [subjectKeyIdentifier(Uint8Array.of(2))] })] },
  ),

  given('another serial number', response({ serial: 8 }), unknown),
  given('another issuer by name', response({ of: { name: stranger.name, key: root.key } }), unknown),
  given('another issuer by key', response({ of: { name: root.name, key: stranger.key } }), unknown),
  given('one by a hash that is not accepted', response({ hash: 'md5' }), unknown),
  given('a certificate that the responder does not know', response({ status: 'unknown' }), unknown),

  given('an answer that has ended', response({ nextUpdate: '2024-12-31T12:00:00Z' }), unknown),
  given('an answer that has not begun', response({ thisUpdate: '2025-01-02' }), unknown),
  given('one that begins within what clocks differ', response({ thisUpdate: '2025-01-01T00:04:00Z' }), undefined),
  given('one that ended within what clocks differ', response({ nextUpdate: '2024-12-31T23:56:00Z' }), undefined),
  given('one that ends at the last such second', response({ nextUpdate: '2024-12-31T23:55:00Z' }), undefined),
  given('one whose end is no time', response({ nextUpdate: 'some time' }), unknown),
  given('one whose begin is no time', response({ thisUpdate: 'some time' }), unknown),
  given('a fresh answer without an end', response({ nextUpdate: undefined }), undefined),
  given('an old answer without an end', response({ nextUpdate: undefined, thisUpdate: '2024-12-20' }), unknown),

  given('no DER', Buffer.from('no response'), unknown),
  given('one that was cut', response().subarray(0, 80), unknown),
  given('one with something behind it', Buffer.concat([response(), Buffer.of(0)]), unknown),
  given('one that is BER and no DER', withLongLength(response()), unknown),
  given('one with something behind what is signed', response({}, { appendix: Buffer.of(5, 0) }), unknown),
  given('one that states its version', response({}, { version: 0 }), undefined),
  given('one of another version', response({}, { version: 1 }), unknown),
  given('one that was made at no time', response({}, { producedAt: 'some time' }), unknown),
  given('one that has extensions, and has none', response({}, { extensions: [] }), unknown),
  given('one whose answer has extensions, and has none', response({ extensions: [] }), unknown),
  given('the longest that there may be', ofLength(longestStapledResponseBytes), undefined),
  given('a longer one', ofLength(longestStapledResponseBytes + 1), unknown),
  given('one signed with SHA-384', response({}, { hash: 'sha384' }), undefined),
  given('one signed with SHA-224', response({}, { hash: 'sha224' }), unknown),
  given('one signed with SHA-1', response({}, { hash: 'sha1' }), unknown),
  given('a responder that has no answer', response({}, { responseStatus: 3 }), unknown),
  given('a critical extension', response({}, { extensions: [critical] }), unknown),
  given('a critical extension of what counts', response({ extensions: [critical] }), unknown),
  given(
    'a critical extension of what does not',
    response({}, { entries: [{ serial: 1, extensions: [critical] }, { serial: 7 }] }),
    undefined,
  ),
  given(
    'an extension that is not critical',
    response({}, { extensions: [extension('1.2.3', Uint8Array.of(5, 0))] }),
    undefined,
  ),
]
