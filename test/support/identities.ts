import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import process from 'node:process'
import { Certificate, PrivateKey, type SigningChain, TrustStore } from 'polytls'
import type { CertificateOptions, KeyKind, MadeCertificate } from '#polytls/cli/certificates.js'
import * as certificates from '#polytls/cli/certificates.js'

/** The name of every server in these tests, unless a test says otherwise. */
export const hostName = 'server.test'

/** What a certificate and its key look like, however they were made. */
export interface Identity {
  readonly certificate: string
  readonly key: string
  readonly chain: readonly string[]
}

const { POLYTLS_TEST_KEY_KIND: wantedKeyKind = 'ecdsa-p256' } = process.env
/**
 * The kind of key that a test has which does not care: POLYTLS_TEST_KEY_KIND, for machines on which not every backend can use elliptic curves,
 * else the quickest.
 */
export const anyKeyKind: KeyKind = wantedKeyKind as KeyKind

/** As of `cli/certificates`, with a key of any kind for whom the test says nothing else, so that every backend here can use it and verify by it. */
export async function makeAuthority(options: CertificateOptions): Promise<MadeCertificate> {
  return withAnyKey(await certificates.makeAuthority({ keyKind: anyKeyKind, ...options }))
}

/** The same for a certificate that is its own issuer. */
export async function makeSelfSigned(options: CertificateOptions): Promise<MadeCertificate> {
  return withAnyKey(await certificates.makeSelfSigned({ keyKind: anyKeyKind, ...options }))
}

function withAnyKey(made: MadeCertificate): MadeCertificate {
  return {
    ...made,
    issue: async (options) => withAnyKey(await made.issue({ keyKind: anyKeyKind, ...options })),
    issueAuthority: async (options) => withAnyKey(await made.issueAuthority({ keyKind: anyKeyKind, ...options })),
  }
}

/** A pair of keys of that kind. */
export function generateAnyKeys(): KeyPairKeyObjectResult {
  if (!anyKeyKind.startsWith('rsa')) return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  for (;;) {
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    if (!certificates.hasShortNumber(keys.privateKey.export({ format: 'der', type: 'pkcs8' }))) return keys
  }
}

/** The authority that the tests of one file trust. Made once: keys take time. */
export function authority(): Promise<MadeCertificate> {
  root ??= makeAuthority({ name: 'Test Authority' })
  return root
}
let root: Promise<MadeCertificate> | undefined

/** A server's identity for `hostName`, by the kind of its key. */
export function serverIdentity(keyKind: KeyKind = anyKeyKind): Promise<MadeCertificate> {
  return issued(`server ${keyKind}`, { name: hostName, names: [hostName], keyKind })
}

/** A client's identity, from the same authority. */
export function clientIdentity(keyKind: KeyKind = anyKeyKind): Promise<MadeCertificate> {
  return issued(`client ${keyKind}`, { name: 'A Client', names: ['client.test'], keyKind })
}

const made = new Map<string, Promise<MadeCertificate>>()
function issued(key: string, options: CertificateOptions): Promise<MadeCertificate> {
  let identity = made.get(key)
  if (identity === undefined) {
    identity = authority().then((issuer) => issuer.issue(options))
    made.set(key, identity)
  }
  return identity
}

/** What a side shows of itself. */
export function signingChain({ certificate, key, chain }: Identity): SigningChain {
  return {
    leaf: Certificate.fromBuffer(certificate),
    key: PrivateKey.fromBuffer(key),
    chain: chain.map((each) => Certificate.fromBuffer(each)),
  }
}

/** The certificates that a side shows, DER, as its peer has to see them. */
export function derChain({ certificate, chain }: Identity): Uint8Array[] {
  return [certificate, ...chain].map(derOf)
}

export function derOf(pem: string): Uint8Array {
  return new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64'))
}

/** A store with exactly these certificates. */
export function trusting(...identities: readonly { readonly certificate: string }[]): TrustStore {
  return TrustStore.fromCertificates(identities.map(({ certificate }) => Certificate.fromBuffer(certificate)))
}

/** Options of a client that trusts the tests' authority, and of a server with an identity from it. */
export async function matching(keyKind: KeyKind = anyKeyKind): Promise<{
  readonly client: { readonly trustStore: TrustStore }
  readonly server: { readonly certificateChain: readonly [SigningChain] }
}> {
  return {
    client: { trustStore: trusting(await authority()) },
    server: { certificateChain: [signingChain(await serverIdentity(keyKind))] },
  }
}
