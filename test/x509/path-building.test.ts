import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  authorityKeyIdentifier,
  basicConstraints,
  dns,
  extendedKeyUsage,
  extension,
  keyUsage,
  makeKey,
  nameConstraints,
  subjectKeyIdentifier,
} from './make-certificate.ts'
import { Authority, refused, verify } from './verify.ts'

const SERVER = '1.3.6.1.5.5.7.3.1'
const CLIENT = '1.3.6.1.5.5.7.3.2'
const root = new Authority('CN=Root')
const other = new Authority('CN=Other Root')
const middle = new Authority('CN=Intermediate')
const leaf = middle.issue('host.example')
const id = (byte: number) => Uint8Array.of(byte, byte, byte, byte)

test('a path is built from what the peer sent, in any order, with useless certificates between', () => {
  const lower = new Authority('CN=Lower')
  const { path, anchor } = verify(
    [lower.issue('host.example'), other.root(), middle.certify(lower), Uint8Array.of(1, 2, 3), root.certify(middle)],
    [other.root(), root.root()],
    { serverName: 'host.example' },
  )
  assert.deepEqual(
    path.map(({ subject }) => subject.toString()),
    ['CN=host.example', 'CN=Lower', 'CN=Intermediate', 'CN=Root'],
  )
  assert.equal(anchor.subject.toString(), 'CN=Root')
})

test('an intermediate can be the anchor, and a root that is sent along is not needed', () => {
  assert.equal(verify([leaf, root.root()], [root.certify(middle)]).path.length, 2)
  assert.equal(verify([leaf, root.certify(middle), root.root()], [root.root()]).path.length, 3)
})

test('exactly the certificate that is trusted is accepted, whoever signed it', () => {
  const device = new Authority('CN=Device').issue('device.example', { issuer: 'CN=Device', subject: 'CN=Device' })
  assert.equal(verify([device], [device], { serverName: 'device.example' }).path.length, 1)
  assert.equal(verify([leaf], [leaf]).path.length, 1)
  refused('wrong-host', 0, [device], [device], { serverName: 'other.example' })
  refused('expired', 0, [device], [device], { timeMilliseconds: Date.parse('2041-01-01') })
})

test('whatever is wrong with one candidate, another one is tried', () => {
  const unusable: [string, Uint8Array][] = [
    ['expired', root.certify(middle, { notAfter: '2024-01-01' })],
    ['not yet valid', root.certify(middle, { notBefore: '2026-01-01' })],
    ['of another key', root.certify(new Authority(middle.name))],
    ['signed wrongly', root.certify(middle, { signer: makeKey() })],
    ['signed with SHA-1', root.certify(middle, { hash: 'sha1' })],
    ['no authority', root.certify(middle, { extensions: [basicConstraints(false)] })],
    ['without the right to sign', root.certify(middle, { extensions: [keyUsage(0)] })],
    ['for clients', root.certify(middle, { extensions: [extendedKeyUsage(CLIENT)] })],
    ['constrained', root.certify(middle, { extensions: [nameConstraints([dns('other.example')], [])] })],
    ['of an unknown kind', root.certify(middle, { extensions: [extension('1.2.3', Uint8Array.of(5, 0), true)] })],
    ['issued by nobody', new Authority('CN=Nobody').certify(middle)],
    ['issued by an impostor', new Authority(root.name).certify(middle)],
  ]
  for (const [what, bad] of unusable) {
    for (const chain of [
      [leaf, bad, root.certify(middle)],
      [leaf, root.certify(middle), bad],
    ]) {
      assert.equal(verify(chain, [root.root()]).path.length, 3, what)
    }
    assert.throws(() => verify([leaf, bad], [root.root()]), { name: 'CertificateError' }, what)
  }
})

test('the same holds for anchors: an expired root does not hide the new one', () => {
  const old = root.root({ notAfter: '2024-01-01' })
  assert.equal(verify([leaf, root.certify(middle)], [old, root.root()]).path.length, 3)
  const crossed = other.certify(root)
  assert.equal(verify([leaf, root.certify(middle), crossed], [old, other.root()]).path.length, 4)
})

test('cross-signatures in circles do not keep a path from being found', () => {
  const a = new Authority('CN=A')
  const b = new Authority('CN=B')
  const c = new Authority('CN=C')
  const circle = [a.certify(b), b.certify(a), b.certify(c), c.certify(b), c.certify(a), a.certify(c)]
  const chain = [a.issue('host.example'), ...circle, root.certify(c)]
  assert.deepEqual(
    verify(chain, [root.root()]).path.map(({ subject }) => subject.toString()),
    ['CN=host.example', 'CN=A', 'CN=C', 'CN=Root'],
  )
})

test('key identifiers put the right candidate first and decide nothing', () => {
  const marked = root.certify(middle, { extensions: [subjectKeyIdentifier(id(1))] })
  const wrong = middle.issue('host.example', { extensions: [authorityKeyIdentifier(id(9))] })
  assert.equal(verify([wrong, marked], [root.root()]).path.length, 3)
})

test('the reason says what is missing, and where', () => {
  const intermediate = root.certify(middle)
  refused('unknown-issuer', 0, [leaf], [root.root()])
  refused('unknown-issuer', 1, [leaf, intermediate], [other.root()])
  refused('self-signed-in-chain', 2, [leaf, intermediate, root.root()], [other.root()])
  refused('self-signed', 0, [root.root()], [other.root()])
  refused('missing', 0, [], [root.root()])
  refused('malformed', 0, [Uint8Array.of(0x30, 0)], [root.root()])
  refused('malformed', 1, [leaf, Uint8Array.of(0x30, 0)], [root.root()])
  refused('bad-signature', 0, [middle.issue('host.example', { signer: makeKey() }), intermediate], [root.root()])
  refused('bad-signature', 1, [leaf, root.certify(middle, { signer: makeKey() })], [root.root()])
  refused('weak-signature', 0, [middle.issue('host.example', { hash: 'sha1' }), intermediate], [root.root()])
  const impostor = new Authority(root.name).root({ extensions: [subjectKeyIdentifier(id(1))] })
  const meant = root.certify(middle, { extensions: [authorityKeyIdentifier(id(2))] })
  refused('unknown-issuer', 1, [leaf, meant], [impostor])
})

test('every rule for authorities is applied at every place', () => {
  const good = root.certify(middle)
  refused('expired', 1, [leaf, root.certify(middle, { notAfter: '2024-12-31' })], [root.root()])
  refused('not-yet-valid', 1, [leaf, root.certify(middle, { notBefore: '2025-01-02' })], [root.root()])
  refused('expired', 2, [leaf, good], [root.root({ notAfter: '2024-12-31' })])
  refused('not-an-authority', 1, [leaf, root.certify(middle, { extensions: [basicConstraints(false)] })], [root.root()])
  refused('not-an-authority', 2, [leaf, good], [root.root({ extensions: [basicConstraints(false)] })])
  refused('not-an-authority', 1, [leaf, root.certify(middle, { version: 1 })], [root.root()])
  refused('not-an-authority', 1, [leaf, root.certify(middle, { extensions: [keyUsage(0, 6)] })], [root.root()])
  refused('wrong-purpose', 1, [leaf, root.certify(middle, { extensions: [extendedKeyUsage(CLIENT)] })], [root.root()])
  refused('wrong-purpose', 2, [leaf, good], [root.root({ extensions: [extendedKeyUsage(CLIENT)] })])
  const weak = new Authority('CN=Intermediate', makeKey('rsa1024'))
  refused('weak-key', 1, [weak.issue('host.example'), root.certify(weak)], [root.root()])
  const critical = extension('1.2.3', Uint8Array.of(5, 0), true)
  refused('unknown-critical-extension', 1, [leaf, root.certify(middle, { extensions: [critical] })], [root.root()])
  refused('unknown-critical-extension', 2, [leaf, good], [root.root({ extensions: [critical] })])
  assert.equal(verify([leaf, good], [root.root({ extensions: [extendedKeyUsage(CLIENT, SERVER)] })]).path.length, 3)
})

test("the peer's own certificate is judged once a path is known", () => {
  const intermediate = root.certify(middle)
  const judge = (certificate: Uint8Array) => [certificate, intermediate]
  const options = (extra: Uint8Array) => middle.issue('host.example', { extensions: [extra] })
  refused('expired', 0, judge(middle.issue('host.example', { notAfter: '2024-12-31' })), [root.root()])
  refused('not-yet-valid', 0, judge(middle.issue('host.example', { notBefore: '2025-01-02' })), [root.root()])
  refused('wrong-purpose', 0, judge(options(extendedKeyUsage(CLIENT))), [root.root()])
  refused('wrong-key-usage', 0, judge(options(keyUsage(2))), [root.root()])
  refused('wrong-purpose', 0, judge(options(keyUsage(5))), [root.root()])
  refused('unknown-critical-extension', 0, judge(options(extension('1.2.3', Uint8Array.of(5, 0), true))), [root.root()])
  refused('weak-key', 0, judge(middle.issue('host.example', { key: makeKey('rsa1024') })), [root.root()])
  refused('wrong-host', 0, judge(leaf), [root.root()], { serverName: 'other.example' })
  refused('wrong-host', 0, judge(middle.issue([], { subject: 'CN=host.example' })), [root.root()], {
    serverName: 'host.example',
  })
  refused('unknown-issuer', 0, [middle.issue('host.example', { notAfter: '2024-12-31' })], [root.root()])
  verify(judge(options(extendedKeyUsage(CLIENT))), [root.root()], { purpose: 'client-authentication' })
  verify(judge(middle.issue('host.example', { key: makeKey('rsa2048') })), [root.root()])
  verify(judge(middle.issue('host.example', { key: makeKey('ed25519') })), [root.root()])
})

test('validity includes both ends, to the second', () => {
  const certificate = root.issue('host.example', { notBefore: '2024-03-01', notAfter: '2024-04-01' })
  const at = (time: string) => ({ timeMilliseconds: Date.parse(time) })
  verify([certificate], [root.root()], at('2024-03-01T00:00:00Z'))
  verify([certificate], [root.root()], at('2024-04-01T00:00:00.999Z'))
  refused('not-yet-valid', 0, [certificate], [root.root()], at('2024-02-29T23:59:59.999Z'))
  refused('expired', 0, [certificate], [root.root()], at('2024-04-01T00:00:01Z'))
})

test('a time that is no number is a mistake of the program', () => {
  const certificate = root.issue('host.example', { notAfter: '2024-04-01' })
  assert.throws(() => verify([certificate], [root.root()], { timeMilliseconds: Number.NaN }), { name: 'UsageError' })
})

test('path lengths count authorities that are not self-issued', () => {
  const lower = new Authority('CN=Lower')
  const chain = [lower.issue('host.example'), middle.certify(lower)]
  const limited = root.certify(middle, { extensions: [basicConstraints(true, 0)] })
  refused('path-too-long', 2, [...chain, limited], [root.root()])
  refused(
    'path-too-long',
    3,
    [...chain, root.certify(middle)],
    [root.root({ extensions: [basicConstraints(true, 1)] })],
  )
  verify([leaf, limited], [root.root()])
  verify([...chain, root.certify(middle, { extensions: [basicConstraints(true, 1)] })], [root.root()])
  const renewed = new Authority(middle.name)
  verify([renewed.issue('host.example'), middle.certify(renewed), limited], [root.root()])
  refused('path-too-long', 1, [leaf, root.certify(middle)], [root.root()], { maximumIntermediates: 0 })
  verify([root.issue('host.example')], [root.root()], { maximumIntermediates: 0 })
})

test('name constraints of every authority hold for every certificate below', () => {
  const chain = (constraints: Uint8Array) => [leaf, root.certify(middle, { extensions: [constraints] })]
  refused('name-constraints', 0, chain(nameConstraints([dns('other.example')], [])), [root.root()])
  refused('name-constraints', 0, chain(nameConstraints([dns('other.example')], [], false)), [root.root()])
  verify(chain(nameConstraints([dns('example')], [])), [root.root()])
  const strict = root.root({ extensions: [nameConstraints([], [dns('example')])] })
  refused('name-constraints', 0, [leaf, root.certify(middle)], [strict])
})

test('an anchor of version 1 is believed, an intermediate of version 1 is not', () => {
  verify([leaf, root.certify(middle)], [root.root({ version: 1 })])
  refused('not-an-authority', 1, [leaf, root.certify(middle, { version: 1 })], [root.root()])
})
