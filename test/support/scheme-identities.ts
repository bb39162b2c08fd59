import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto'
import { type CodePoint, signatureSchemeName } from 'polytls'
import { authority, hostName, type Identity } from './identities.ts'
import { makeOddCertificate, type OddCertificate } from './odd-certificates.ts'

const made = new Map<string, Promise<OddCertificate>>()

/** An identity whose key can sign by the scheme. Whoever is to accept it has to trust exactly it: its issuer signs by ECDSA. */
export function identityForScheme(scheme: CodePoint): Promise<OddCertificate> {
  const kind = kindOf(signatureSchemeName(scheme))
  let identity = made.get(kind)
  if (identity === undefined) {
    identity = issuer().then((each) =>
      makeOddCertificate({ name: `Key ${kind}`, names: [hostName], issuer: each, keys: makeKeys(kind) }),
    )
    made.set(kind, identity)
  }
  return identity
}

/** An RSA server's identity that may also decipher, as the suites without forward secrecy want it; the tests' authority vouches for it. */
export async function encipheringIdentity(): Promise<Identity> {
  enciphering ??= authority().then(async ({ certificate, key }) =>
    makeOddCertificate({
      name: hostName,
      names: [hostName],
      keys: makeKeys('rsa'),
      issuer: {
        certificate,
        key,
        chain: [],
        isRoot: true,
        subject: new X509Certificate(certificate).subject,
        privateKey: createPrivateKey(key),
      },
    }),
  )
  return enciphering
}
let enciphering: Promise<Identity> | undefined

let root: Promise<OddCertificate> | undefined
function issuer(): Promise<OddCertificate> {
  root ??= makeOddCertificate({ name: 'Root of Keys', isAuthority: true })
  return root
}

function kindOf(scheme: string): string {
  if (scheme.startsWith('rsa_pss_pss')) return 'rsa-pss'
  if (scheme.startsWith('rsa')) return 'rsa'
  return /^ecdsa_(\w+)_/.exec(scheme)?.[1] ?? scheme
}

function makeKeys(kind: string): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  switch (kind) {
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'rsa-pss':
      return generateKeyPairSync('rsa-pss', { modulusLength: 2048 })
    case 'ed25519':
      return generateKeyPairSync('ed25519')
    case 'ed448':
      return generateKeyPairSync('ed448')
    case 'secp256r1':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'secp384r1':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' })
    case 'secp521r1':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' })
    default:
      throw new Error(`no key for ${kind} is made here`)
  }
}
