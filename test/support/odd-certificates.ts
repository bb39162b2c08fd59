import { type KeyObject, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import { generateAnyKeys, type Identity } from './identities.ts'

/** Certificates that no sound authority would issue, and of kinds that `cli/certificates` does not make. */
export interface OddCertificateOptions {
  readonly name: string
  readonly names?: readonly string[]
  readonly issuer?: OddCertificate
  readonly isAuthority?: boolean
  /** Leaves the basic constraints out altogether. */
  readonly withoutBasicConstraints?: boolean
  readonly pathLength?: number
  readonly notBefore?: Date
  readonly notAfter?: Date
  readonly extendedKeyUsages?: readonly string[]
  /** Bits as of RFC 5280, Section 4.2.1.3, in the order of @peculiar/x509. Default: what fits. */
  readonly keyUsages?: number
  readonly extensions?: readonly { readonly id: string; readonly critical: boolean; readonly der: Uint8Array }[]
  /** The key of the subject. Default: of any kind. */
  readonly keys?: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }
  /** The hash with which the issuer signs. Default: SHA-256. */
  readonly hash?: 'SHA-1' | 'SHA-256'
  /** Signs with the key of somebody else than the issuer. */
  readonly forged?: boolean
}

export interface OddCertificate extends Identity {
  readonly subject: string
  readonly privateKey: KeyObject
  /** Whether it is its own issuer. */
  readonly isRoot: boolean
}

export async function makeOddCertificate(options: OddCertificateOptions): Promise<OddCertificate> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  // The package describes itself in terms of the DOM; Node's own types are the same things under other names.
  x509.cryptoProvider.set(webcrypto as never)
  const { name, issuer, isAuthority = false, keys = generateAnyKeys() } = options
  const subject = `CN=${name}`
  const signer = options.forged ? generateAnyKeys().privateKey : (issuer?.privateKey ?? keys.privateKey)
  const signAlgorithm = algorithmOf(signer, options.hash ?? 'SHA-256')
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `4${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}1`,
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: options.notBefore ?? new Date(Date.now() - 3_600_000),
    notAfter: options.notAfter ?? new Date(Date.now() + 86_400_000),
    publicKey: new x509.PublicKey(keys.publicKey.export({ type: 'spki', format: 'der' })),
    signingKey: (await webcrypto.subtle.importKey(
      'pkcs8',
      signer.export({ type: 'pkcs8', format: 'der' }),
      signAlgorithm,
      false,
      ['sign'],
    )) as never,
    signingAlgorithm: signAlgorithm as never,
    extensions: [
      ...(options.withoutBasicConstraints === true
        ? []
        : [new x509.BasicConstraintsExtension(isAuthority, options.pathLength, true)]),
      new x509.KeyUsagesExtension(
        options.keyUsages ??
          (isAuthority
            ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
            : x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment),
        true,
      ),
      ...(options.names === undefined
        ? []
        : [
            new x509.SubjectAlternativeNameExtension(
              options.names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
            ),
          ]),
      ...(options.extendedKeyUsages === undefined
        ? []
        : [new x509.ExtendedKeyUsageExtension([...options.extendedKeyUsages])]),
      ...(options.extensions ?? []).map(({ id, critical, der }) => new x509.Extension(id, critical, der)),
    ],
  })
  const pem = `${certificate.toString('pem')}\n`
  return {
    certificate: pem,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    // The root itself is not sent.
    chain: issuer === undefined || issuer.isRoot ? [] : [issuer.certificate, ...issuer.chain],
    isRoot: issuer === undefined,
    subject,
    privateKey: keys.privateKey,
  }
}

/** RFC 5280, Section 4.2.1.12. */
export const serverAuthentication = '1.3.6.1.5.5.7.3.1'
export const clientAuthentication = '1.3.6.1.5.5.7.3.2'
export const codeSigning = '1.3.6.1.5.5.7.3.3'

/** A name constraint that permits one DNS subtree. RFC 5280, Section 4.2.1.10. */
export function permittedSubtree(name: string): {
  readonly id: string
  readonly critical: boolean
  readonly der: Uint8Array
} {
  const wrap = (tag: number, content: Uint8Array): Uint8Array =>
    Buffer.concat([Buffer.of(tag, content.length), content])
  return {
    id: '2.5.29.30',
    critical: true,
    der: wrap(0x30, wrap(0xa0, wrap(0x30, wrap(0x82, Buffer.from(name))))),
  }
}

function algorithmOf(key: KeyObject, hash: string): webcrypto.EcKeyImportParams & { readonly hash: string } {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash } as never
  return { name: 'ECDSA', namedCurve: 'P-256', hash }
}
