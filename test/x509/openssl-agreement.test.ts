import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encodePem } from '#polytls/codec/pem.js'
import { CertificateError, type CertificateReason } from '#polytls/errors.js'
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
import { Authority, TIME, verify } from './verify.ts'

/** The same fault has the same reason at the same depth as with OpenSSL: what `openssl verify` says is the expectation. */
const REASONS: { readonly [code: string]: CertificateReason } = {
  7: 'bad-signature',
  9: 'not-yet-valid',
  10: 'expired',
  18: 'self-signed',
  19: 'self-signed-in-chain',
  20: 'unknown-issuer',
  25: 'path-too-long',
  26: 'wrong-purpose',
  34: 'unknown-critical-extension',
  47: 'name-constraints',
  48: 'name-constraints',
  62: 'wrong-host',
  66: 'weak-key',
  67: 'weak-key',
  68: 'weak-signature',
  79: 'not-an-authority',
}

const root = new Authority('CN=Root')
const middle = new Authority('CN=Intermediate')
const weak = new Authority('CN=Weak', makeKey('rsa1024'))
const leaf = middle.issue('a.example')
const good = root.certify(middle)
const client = extendedKeyUsage('1.3.6.1.5.5.7.3.2')
const critical = extension('1.2.3', Uint8Array.of(5, 0), true)
const id = (byte: number) => Uint8Array.of(byte, byte, byte)
const past = { notAfter: '2024-01-01' }
const future = { notBefore: '2026-01-01' }

const chains: { readonly [what: string]: readonly [readonly Uint8Array[], Uint8Array] } = {
  'nothing wrong': [[leaf, good], root.root()],
  'a leaf that has expired': [[middle.issue('a.example', past), good], root.root()],
  'a leaf of the future': [[middle.issue('a.example', future), good], root.root()],
  'an intermediate that has expired': [[leaf, root.certify(middle, past)], root.root()],
  'a root that has expired': [[leaf, good], root.root(past)],
  'another host': [[middle.issue('b.example'), good], root.root()],
  'a leaf for clients': [[middle.issue('a.example', { extensions: [client] }), good], root.root()],
  'an intermediate for clients': [[leaf, root.certify(middle, { extensions: [client] })], root.root()],
  'a root for clients': [[leaf, good], root.root({ extensions: [client] })],
  'a leaf that may sign certificates only': [
    [middle.issue('a.example', { extensions: [keyUsage(5)] }), good],
    root.root(),
  ],
  'an intermediate that may not sign': [[leaf, root.certify(middle, { extensions: [keyUsage(0, 6)] })], root.root()],
  'a root that may not sign': [[leaf, good], root.root({ extensions: [keyUsage(0)] })],
  'a root that is no authority': [[leaf, good], root.root({ extensions: [basicConstraints(false)] })],
  'an intermediate that is no authority': [
    [leaf, root.certify(middle, { extensions: [basicConstraints(false)] })],
    root.root(),
  ],
  'a critical extension below': [[middle.issue('a.example', { extensions: [critical] }), good], root.root()],
  'a critical extension between': [[leaf, root.certify(middle, { extensions: [critical] })], root.root()],
  'constraints that forbid the name': [
    [leaf, root.certify(middle, { extensions: [nameConstraints([dns('b.example')], [])] })],
    root.root(),
  ],
  'a path that is too long': [[leaf, good], root.root({ extensions: [basicConstraints(true, 0)] })],
  'an impostor of the root': [[root.issue('a.example')], new Authority('CN=Root').root()],
  'an impostor with another key identifier': [
    [root.issue('a.example', { extensions: [authorityKeyIdentifier(id(1))] })],
    new Authority('CN=Root').root({ extensions: [subjectKeyIdentifier(id(2))] }),
  ],
  'an intermediate by an impostor': [[leaf, new Authority('CN=Root').certify(middle)], root.root()],
  'an intermediate of another root': [[leaf, good], new Authority('CN=Other').root()],
  'another root that is sent along': [[leaf, good, root.root()], new Authority('CN=Other').root()],
  'no intermediate': [[leaf], root.root()],
  'a self-signed leaf': [[root.issue('a.example', { issuer: 'CN=a.example' })], root.root()],
  'a signature with SHA-1': [[middle.issue('a.example', { hash: 'sha1' }), good], root.root()],
  'a weak key below': [[middle.issue('a.example', { key: makeKey('rsa1024') }), good], root.root()],
  'a weak key between': [[weak.issue('a.example'), root.certify(weak)], root.root()],
  'an expired leaf of nobody': [[middle.issue('a.example', past)], root.root()],
  'an expired leaf for clients': [[middle.issue('a.example', { ...past, extensions: [client] }), good], root.root()],
  'an expired leaf of another host': [[middle.issue('b.example', past), good], root.root()],
}

const { error: missing } = spawnSync('openssl', ['version'])
const skip = missing === undefined ? false : 'the command openssl is not installed'
const folder = mkdtempSync(join(tmpdir(), 'polytls-agreement-'))
after(() => rmSync(folder, { recursive: true }))

for (const [what, [chain, anchor]] of Object.entries(chains)) {
  test(`OpenSSL and we say the same of ${what}`, { skip }, () => {
    assert.deepEqual(ourVerdict(chain, anchor), theirVerdict(chain, anchor))
  })
}

type Verdict = 'accepted' | { readonly reason: CertificateReason; readonly depth: number | undefined }

function ourVerdict(chain: readonly Uint8Array[], anchor: Uint8Array): Verdict {
  try {
    verify(chain, [anchor], { serverName: 'a.example' })
    return 'accepted'
  } catch (error) {
    assert.ok(error instanceof CertificateError)
    return { reason: error.reason, depth: error.depth }
  }
}

function theirVerdict([peer, ...others]: readonly Uint8Array[], anchor: Uint8Array): Verdict {
  const file = (name: string, ders: readonly Uint8Array[]) => {
    const path = join(folder, name)
    writeFileSync(path, ders.map((der) => encodePem('CERTIFICATE', der)).join(''))
    return path
  }
  const { status, stdout, stderr } = spawnSync(
    'openssl',
    [
      'verify',
      ...['-auth_level', '2', '-purpose', 'sslserver', '-verify_hostname', 'a.example'],
      ...['-attime', String(TIME / 1000), '-no-CApath', '-no-CAstore', '-trusted', file('anchor.pem', [anchor])],
      ...(others.length === 0 ? [] : ['-untrusted', file('others.pem', others)]),
      file('peer.pem', [peer as Uint8Array]),
    ],
    { encoding: 'utf8' },
  )
  if (status === 0) return 'accepted'
  const [, code = '', depth] = /^error (\d+) at (\d+) depth/m.exec(stderr) ?? []
  const reason = REASONS[code]
  assert.ok(reason !== undefined, stdout + stderr)
  return { reason, depth: Number(depth) }
}
