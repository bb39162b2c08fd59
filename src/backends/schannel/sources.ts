import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { decodePem, isPem } from '../../codec/pem.ts'
import type { Certificate } from '../../config/certificate.ts'
import { type PrivateKey, passphraseOf } from '../../config/private-key.ts'
import type { TrustStore } from '../../config/trust-store.ts'
import { ConfigurationError } from '../../errors.ts'

/** The content of a source that the program itself holds or can read. */
export function bytesOf(
  field: string,
  source: Certificate['source'] | PrivateKey['source'] | TrustStore['source'],
): Buffer {
  if (source.kind === 'buffer') return Buffer.from(source.bytes)
  if (source.kind !== 'file')
    throw new ConfigurationError(field, `this backend cannot read a source of the kind '${source.kind}'`)
  try {
    return readFileSync(source.path)
  } catch (cause) {
    throw new ConfigurationError(field, `the file ${source.path} cannot be read`, { cause })
  }
}

/** The certificate in PEM (the first block counts) or DER. */
export function parseCertificate(field: string, bytes: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(bytes)
  } catch (cause) {
    throw new ConfigurationError(field, 'no certificate in it can be read', { cause })
  }
}

/** Every certificate of a bundle in PEM, or the one in DER; DER each. */
export function parseBundle(field: string, bytes: Uint8Array): readonly Uint8Array[] {
  if (!isPem(bytes)) return [parseCertificate(field, bytes).raw]
  try {
    const blocks = decodePem(bytes).filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label))
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block.bytes).raw)
  } catch (cause) {
    throw new ConfigurationError(field, 'a certificate in it cannot be read', { cause })
  }
  throw new ConfigurationError(field, 'there is no certificate in it')
}

/**
 * A private key as unencrypted PKCS #8, whatever form it has (RFC 5958, Section 2). It has to belong to the certificate. The bytes are
 * secret: who gets them wipes them.
 */
export function parsePrivateKey(field: string, key: PrivateKey, bytes: Buffer, certificate: X509Certificate): Buffer {
  const passphrase = passphraseOf(key)
  let parsed: ReturnType<typeof createPrivateKey>
  try {
    parsed = isPem(bytes)
      ? createPrivateKey({ key: bytes, passphrase: passphrase ?? '' })
      : createPrivateKeyFromDER(bytes, passphrase)
  } catch (cause) {
    if (passphrase === undefined && bytes.includes('ENCRYPTED')) {
      throw new ConfigurationError(field, 'the key is encrypted and no passphrase is given')
    }
    throw new ConfigurationError(field, 'no private key in it can be read', {
      cause,
      hint: passphrase === undefined ? undefined : 'the passphrase may be wrong',
    })
  }
  if (!certificate.checkPrivateKey(parsed)) throw new ConfigurationError(field, 'it does not belong to the certificate')
  const kind = parsed.asymmetricKeyType ?? 'unknown'
  if (!['rsa', 'rsa-pss', 'ec'].includes(kind)) {
    throw new ConfigurationError(
      field,
      `Schannel cannot use a key of the kind ${kind}, only RSA and elliptic curves of NIST`,
    )
  }
  return parsed.export({ format: 'der', type: 'pkcs8' })
}

/** Which form it has is not written on it. */
function createPrivateKeyFromDER(bytes: Buffer, passphrase: string | undefined): ReturnType<typeof createPrivateKey> {
  let failure: unknown
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return createPrivateKey({ key: bytes, format: 'der', type, passphrase: passphrase ?? '' })
    } catch (cause) {
      failure ??= cause
    }
  }
  throw failure
}

/** The host names and addresses in a certificate's subjectAltName, in the form that `ChainsByName` compares. */
export function namesOf({ subjectAltName }: X509Certificate): readonly string[] {
  return [...(subjectAltName ?? '').matchAll(/(?:^|, )(DNS|IP Address):(?:"((?:[^"\\]|\\.)*)"|([^,]*))/g)].flatMap(
    ([, kind, quoted, plain]) => {
      // A name that has to be quoted is none that a client can ask for.
      if (quoted !== undefined || plain === undefined || plain === '') return []
      return [kind === 'DNS' ? plain.toLowerCase() : addressOf(plain)]
    },
  )
}

/** Clients are not to name addresses (RFC 6066, Section 3), but some do, as text. */
function addressOf(text: string): string {
  return text.includes(':') ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : text
}

/** The subject as a string in the manner of RFC 4514; `undefined` where it is empty. */
export function subjectOf(der: Uint8Array): string | undefined {
  const { subject } = new X509Certificate(der)
  // Node writes one part a line, the most general first.
  return subject === undefined || subject === '' ? undefined : subject.split('\n').reverse().join(',')
}
