import { createPrivateKey, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'

/** Fresh certificates, for `polytls serve`, for the guided tour and for tests: never for production. */

export type KeyKind = 'ecdsa-p256' | 'ecdsa-p384' | 'ecdsa-p521' | 'rsa-2048' | 'rsa-3072' | 'ed25519'

export interface CertificateOptions {
  /** The common name of the subject. */
  readonly name: string
  readonly keyKind?: KeyKind
  /** Host names and IP addresses that it is for (subjectAltName). Default: none. */
  readonly names?: readonly string[]
  readonly notBefore?: Date
  readonly notAfter?: Date
  /** Default: server and client authentication for a leaf, none said for an authority. */
  readonly extendedKeyUsages?: readonly string[]
  readonly pathLength?: number
}

/** A certificate with its key, PEM, and what it can issue. */
export interface MadeCertificate {
  readonly certificate: string
  readonly key: string
  /** The certificates between this one and its root, PEM, nearest first; without the root. */
  readonly chain: readonly string[]
  issue(options: CertificateOptions): Promise<MadeCertificate>
  issueAuthority(options: CertificateOptions): Promise<MadeCertificate>
}

/** A root authority, self-signed. */
export async function makeAuthority(options: CertificateOptions): Promise<MadeCertificate> {
  return make(options, { isAuthority: true, issuer: undefined })
}

/** A certificate that is its own issuer, as many devices show it. */
export async function makeSelfSigned(options: CertificateOptions): Promise<MadeCertificate> {
  return make(options, { isAuthority: false, issuer: undefined })
}

const dayMilliseconds = 86_400_000

const algorithms: { readonly [K in KeyKind]: { readonly generate: object; readonly sign: object } } = {
  'ecdsa-p256': ecdsa('P-256', 'SHA-256'),
  'ecdsa-p384': ecdsa('P-384', 'SHA-384'),
  'ecdsa-p521': ecdsa('P-521', 'SHA-512'),
  'rsa-2048': rsa(2048),
  'rsa-3072': rsa(3072),
  ed25519: { generate: { name: 'Ed25519' }, sign: { name: 'Ed25519' } },
}

function ecdsa(namedCurve: string, hash: string): { readonly generate: object; readonly sign: object } {
  return { generate: { name: 'ECDSA', namedCurve }, sign: { name: 'ECDSA', hash } }
}

function rsa(modulusLength: number): { readonly generate: object; readonly sign: object } {
  const name = 'RSASSA-PKCS1-v1_5'
  return {
    generate: { name, hash: 'SHA-256', modulusLength, publicExponent: Uint8Array.of(1, 0, 1) },
    sign: { name, hash: 'SHA-256' },
  }
}

interface Issuer {
  readonly subject: string
  readonly keys: CryptoKeyPair
  readonly sign: object
  readonly chain: readonly string[]
}
type CryptoKeyPair = webcrypto.CryptoKeyPair

async function make(
  options: CertificateOptions,
  { isAuthority, issuer }: { readonly isAuthority: boolean; readonly issuer: Issuer | undefined },
): Promise<MadeCertificate> {
  // Loaded only here: it is large, optional, and nothing but this needs it. Its types are those of the DOM, hence the casts.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  x509.cryptoProvider.set(webcrypto as never)
  const { generate, sign } = algorithms[options.keyKind ?? 'ecdsa-p256']
  const { keys, key } = await generateKeys(generate)
  const subject = `CN=${options.name.replace(/[,+"\\<>;=#]/g, '\\$&')}`
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)))
      .toString('hex')
      .replace(/^./, '4'),
    subject,
    issuer: issuer?.subject ?? subject,
    // An hour back, for clocks that disagree a little.
    notBefore: options.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 30 * dayMilliseconds),
    publicKey: keys.publicKey as never,
    signingKey: (issuer?.keys ?? keys).privateKey as never,
    signingAlgorithm: (issuer?.sign ?? sign) as never,
    extensions: [
      new x509.BasicConstraintsExtension(isAuthority, options.pathLength, true),
      new x509.KeyUsagesExtension(
        isAuthority ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign : x509.KeyUsageFlags.digitalSignature,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
      ...(issuer === undefined
        ? []
        : [await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey as never)]),
      ...extendedKeyUsages(options, isAuthority).map((usages) => new x509.ExtendedKeyUsageExtension(usages)),
      ...(options.names === undefined
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              options.names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
            ),
          ]),
    ],
  })
  const pem = `${certificate.toString('pem')}\n`
  const self: Issuer = { subject, keys, sign, chain: issuer === undefined ? [] : [pem, ...issuer.chain] }
  return {
    certificate: pem,
    key,
    chain: issuer?.chain ?? [],
    issue: (leaf) => make(leaf, { isAuthority: false, issuer: self }),
    issueAuthority: (authority) => make(authority, { isAuthority: true, issuer: self }),
  }
}

function extendedKeyUsages(
  { extendedKeyUsages: given }: CertificateOptions,
  isAuthority: boolean,
): readonly string[][] {
  if (given !== undefined) return [[...given]]
  return isAuthority ? [] : [[serverAuthentication, clientAuthentication]]
}

/** RFC 5280, Section 4.2.1.12. */
const serverAuthentication = '1.3.6.1.5.5.7.3.1'
const clientAuthentication = '1.3.6.1.5.5.7.3.2'

/** A pair of keys, and the private one as PEM. */
async function generateKeys(algorithm: object): Promise<{ readonly keys: CryptoKeyPair; readonly key: string }> {
  for (;;) {
    const keys = (await webcrypto.subtle.generateKey(algorithm as webcrypto.EcKeyGenParams, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    if (hasShortNumber(der)) continue
    const lines = der.toString('base64').match(/.{1,64}/g) ?? []
    return { keys, key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n` }
  }
}

/**
 * Whether one of an RSA key's numbers is encoded shorter than others of its kind are, as in three of a hundred keys. Nothing is wrong with
 * them, but Wine signs with none; a key that exists for a moment may as well be one that everybody can use.
 */
export function hasShortNumber(pkcs8: Uint8Array): boolean {
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  if (key.asymmetricKeyType !== 'rsa') return false
  const { n = '', d = '', p = '', q = '', dp = '', dq = '', qi = '' } = key.export({ format: 'jwk' })
  const modulusBytes = Buffer.from(n, 'base64url').length
  const isShort = (number: string, bytes: number): boolean => {
    const value = Buffer.from(number, 'base64url')
    // A number whose first bit is set has a zero before it in DER.
    return value.length + ((value[0] ?? 0) >> 7) < bytes
  }
  return isShort(d, modulusBytes) || [p, q, dp, dq, qi].some((each) => isShort(each, modulusBytes / 2))
}
