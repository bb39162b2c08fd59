import assert from 'node:assert/strict'
import { longestStapledResponseBytes } from '#polytls/channel/limits.js'
import { DerReader, Tag } from '#polytls/codec/der.js'
import {
  encodeContext,
  encodeElement,
  encodeObjectIdentifier,
  encodeSequence,
  encodeUnsigned,
} from '#polytls/codec/der-writer.js'
import { decodeCertificate, type X509Certificate } from '#polytls/x509/certificate.js'
import { decodeRevocationList, type RevocationList } from '#polytls/x509/revocation-list.js'
import { verifyStapledStatus } from '#polytls/x509/stapled-status.js'
import { TrustAnchors } from '#polytls/x509/trust-anchors.js'
import { type VerifiedPath, verifyPath } from '#polytls/x509/verify-path.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import {
  alternativeNames,
  authorityKeyIdentifier,
  directory,
  dns,
  email,
  extendedKeyUsage,
  extension,
  ip,
  keyUsage,
  makeRevocationList,
  nameConstraints,
  otherName,
  subjectKeyIdentifier,
  uri,
} from '../x509/make-certificate.ts'
import { makeStatusResponse } from '../x509/make-status-response.ts'
import { Authority, crypto, TIME } from '../x509/verify.ts'
import { fixedKey } from './fixed-key.ts'
import { mutateBytes, type Random } from './random.ts'
import { attempt } from './refusal.ts'
import type { FuzzTarget } from './target.ts'
import { importOnce } from './toy-crypto.ts'

/** Every signature is right, so that the changes get to the rules behind it. */
const believer = Object.assign(Object.create(crypto), {
  verifyWith: () => true,
  importPublicKey: importOnce,
}) as typeof crypto

/** Chains with every extension that verification reads, name constraints and revocation lists among them, and stapled states. */
export const certificates: FuzzTarget = {
  name: 'certificates',
  short: 3000,
  run(random) {
    corpus ??= makeCorpus()
    const { root, list: revocationList, status } = corpus
    const chain = corpus.chain.map((der) => (random(3) === 0 ? mutate(der, random) : der))
    const anchor = decoded(() => decodeCertificate(random(4) === 0 ? mutate(root, random) : root))
    const list = decoded(() => decodeRevocationList(random(2) === 0 ? mutate(revocationList, random) : revocationList))
    const budget = new WorkBudget()
    let path: VerifiedPath | undefined
    const accepted = attempt(() => {
      path = verifyPath({
        chain,
        anchors: new TrustAnchors(anchor === undefined ? [] : [anchor as X509Certificate]),
        crypto: believer,
        purpose: 'server-authentication',
        timeMilliseconds: TIME,
        serverName: 'a.example',
        profile: random(2) === 0 ? 'strict' : 'interoperable',
        ...(list === undefined ? {} : { revocation: { lists: [list as RevocationList], missing: 'accept' } }),
        budget,
      })
    }, 'verifyPath')
    const [leaf, issuer] = path?.path ?? []
    if (leaf !== undefined && issuer !== undefined) {
      const request = {
        leaf,
        issuer,
        response: mutate(status, random),
        longestResponseBytes: longestStapledResponseBytes,
        crypto: believer,
        timeMilliseconds: TIME,
        isRequired: true,
      }
      attempt(() => verifyStapledStatus(request), 'verifyStapledStatus')
    }
    const { signatureChecks, pathSteps, nameComparisons } = budget.spent
    assert.ok(signatureChecks <= 100 && pathSteps <= 1000 && nameComparisons <= 10_000, JSON.stringify(budget.spent))
    return accepted ? 'accepted' : 'refused'
  },
}
let corpus: ReturnType<typeof makeCorpus> | undefined

function decoded<T>(decode: () => T): T | undefined {
  let result: T | undefined
  attempt(() => {
    result = decode()
  }, 'decoding')
  return result
}

function makeCorpus(): { chain: Uint8Array[]; root: Uint8Array; list: Uint8Array; status: Uint8Array } {
  const root = new Authority('CN=Root,O=Example,C=DE', fixedKey(1))
  const middle = new Authority('CN=Intermediate', fixedKey(2))
  const id = Uint8Array.of(1, 2, 3, 4)
  const policies = extension('2.5.29.32', encodeSequence(encodeSequence(encodeObjectIdentifier('1.2.3'))))
  const points = encodeSequence(encodeSequence(encodeContext(0, encodeContext(0, uri('http://crl.example/1')))))
  const names = [
    dns('a.example'),
    dns('*.b.example'),
    ip(192, 0, 2, 1),
    email('a@a.example'),
    uri('https://a.example/x'),
  ]
  const leaf = middle.issue([], {
    subject: 'CN=a.example,emailAddress=a@a.example',
    key: fixedKey(3),
    extensions: [
      alternativeNames(...names, directory('CN=x,O=Example'), otherName('1.2.3')),
      keyUsage(0),
      extendedKeyUsage('1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'),
      authorityKeyIdentifier(id),
      policies,
      extension('2.5.29.31', points),
      extension(
        '1.3.6.1.5.5.7.1.1',
        encodeSequence(encodeSequence(encodeObjectIdentifier('1.3.6.1.5.5.7.48.1'), uri('http://o'))),
      ),
    ],
  })
  const mapping = encodeSequence(encodeObjectIdentifier('1.2.3'), encodeObjectIdentifier('1.2.3'))
  const constrained = root.certify(middle, {
    notAfter: '2055-01-01',
    extensions: [
      keyUsage(5, 6),
      subjectKeyIdentifier(id),
      authorityKeyIdentifier(id),
      nameConstraints(
        [dns('example'), email('a.example'), ip(192, 0, 2, 0, 255, 255, 255, 0)],
        [dns('bad.example'), uri('.bad'), directory('O=Bad')],
      ),
      policies,
      extension('2.5.29.33', encodeSequence(mapping), true),
      extension(
        '2.5.29.36',
        encodeSequence(encodeElement(0x80, Uint8Array.of(1)), encodeElement(0x81, Uint8Array.of(1))),
        true,
      ),
      extension('2.5.29.54', encodeUnsigned(2), true),
    ],
  })
  const list = makeRevocationList({
    issuer: middle.name,
    signer: middle.key,
    revoked: [5, 6],
    entryExtensions: [extension('2.5.29.21', encodeElement(Tag.ENUMERATED, Uint8Array.of(1)))],
    extensions: [
      extension('2.5.29.20', encodeUnsigned(3)),
      authorityKeyIdentifier(id),
      extension(
        '2.5.29.28',
        encodeSequence(
          encodeContext(0, encodeContext(0, uri('http://crl.example/1'))),
          encodeElement(0x81, Uint8Array.of(0xff)),
        ),
        true,
      ),
    ],
  })
  const crossed = [root.certify(root, { serial: 2 }), middle.certify(root), root.certify(middle, { serial: 3 })]
  const self = root.root({ extensions: [keyUsage(5, 6), subjectKeyIdentifier(id)] })
  const status = makeStatusResponse({
    issuer: middle,
    entries: [{ serial: 1 }, { serial: 2, status: { revoked: '2024-01-01', reason: 1 } }],
    certificates: [leaf],
  })
  return { chain: [leaf, constrained, ...crossed], root: self, list, status }
}

/** Either blindly, in the bytes; or in the structure, with all lengths around made right again. */
function mutate(der: Uint8Array, random: Random): Uint8Array {
  let out = der
  for (let count = 1 + random(3); count > 0; count--) {
    out = random(4) === 0 ? mutateBytes(out, random) : mutateElement(out, random, 0)
  }
  return out
}

/** Walks down to a random element; changes its contents, or drops, doubles or swaps elements on the way. */
function mutateElement(content: Uint8Array, random: Random, depth: number): Uint8Array {
  const elements = elementsOf(content)
  if (elements === undefined || depth > 20) return mutateBytes(content, random)
  const at = random(elements.length)
  const element = elements[at] as { tag: number; content: Uint8Array; encoding: Uint8Array }
  const parts = elements.map(({ encoding }) => encoding)
  const choice = random(depth < 2 ? 60 : 12)
  if (choice === 0) parts.splice(at, 1)
  else if (choice === 1) parts.splice(at, 0, element.encoding)
  else if (choice === 2) parts.reverse()
  else if (choice === 3) parts[at] = encodeElement(element.tag ^ (1 << random(8)), element.content)
  else if (element.tag === Tag.BIT_STRING || element.content.length === 0)
    parts[at] = encodeElement(element.tag, mutateBytes(element.content, random))
  else parts[at] = encodeElement(element.tag, mutateElement(element.content, random, depth + 1))
  return encodeElement(0, ...parts).subarray(
    -parts.reduce((sum, part) => sum + part.length, 0) || Number.MAX_SAFE_INTEGER,
  )
}

function elementsOf(content: Uint8Array): { tag: number; content: Uint8Array; encoding: Uint8Array }[] | undefined {
  try {
    const reader = new DerReader(content, 'mutation')
    const elements = []
    while (!reader.done) elements.push(reader.element())
    return elements.length === 0 ? undefined : elements
  } catch {
    return undefined
  }
}
