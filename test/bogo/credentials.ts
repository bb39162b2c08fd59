import { createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Backend, Certificate, type CodePoint, PrivateKey, type SigningChain } from 'polytls'
import { ByteReader } from '#polytls/codec/byte-reader.js'
import { decodePem } from '#polytls/codec/pem.js'
import { schemeParameters } from '#polytls/crypto/algorithms.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { SigningKey } from '#polytls/crypto/provider.js'
import { decodeCertificate } from '#polytls/x509/certificate.js'
import { type CredentialRequest, Unimplemented } from './flags.ts'

/** A chain to show, which knows whether it was. */
export interface Credential {
  readonly chain: SigningChain
  readonly signingPreferences: readonly CodePoint[]
  /** All that the key can sign with in TLS 1.3, and in TLS 1.2 with the hash that goes with its curve. */
  readonly schemes: readonly CodePoint[]
  /** Who has signed the certificates, as DER names; `undefined` where it may be shown to everybody. */
  readonly neededIssuers: readonly Uint8Array[] | undefined
  /** The index of the credential once its key has signed. */
  readonly shown: () => number | undefined
  /** For the next connection. */
  readonly forgetUse: () => void
}

/**
 * @param signs How the key signs: as the backend does, or through a `Signer`, which sees when it is used and may take its time. Also
 * where the backend does not sign with such a key, as that of the noble provider does not with RSA, there is a `Signer`.
 */
export function loadCredential(
  backend: Backend,
  { index, certificateFile, keyFile, signingPreferences, ocspResponse, timestamps, mustMatchIssuer }: CredentialRequest,
  signs: 'itself' | 'at once' | 'later',
  staples: 'what it has' | 'nothing' | 'failing',
): Credential {
  if (certificateFile === undefined || keyFile === undefined) throw new Unimplemented('a certificate without its key')
  const [leaf, ...issuers] = certificatesIn(certificateFile)
  if (leaf === undefined) throw new Error(`there is no certificate in ${certificateFile}`)
  const evidence = {
    ...(ocspResponse === undefined
      ? {}
      : { ocspResponse: staples === 'nothing' ? () => undefined : () => ocspResponse }),
    ...(staples === 'failing' ? { ocspResponse: fail } : {}),
    ...(timestamps === undefined ? {} : { signedCertificateTimestamps: timestampsIn(timestamps) }),
  }
  const issuersOf = (file: string): readonly Uint8Array[] =>
    derCertificatesIn(file).map((der) => decodeCertificate(der).issuer.encoding)
  const known = { signingPreferences, neededIssuers: mustMatchIssuer ? issuersOf(certificateFile) : undefined }
  const pem = readFileSync(keyFile, 'utf8')
  const [block] = decodePem(new TextEncoder().encode(pem))
  const crypto = createNodeCrypto()
  const imported = crypto.importSigningKey(block?.bytes ?? new Uint8Array(0))
  if (imported.key === undefined) throw new Unimplemented(`a key: ${imported.reason}`)
  const key: SigningKey = imported.key
  const schemes: readonly CodePoint[] = key.schemes
  if (signs === 'itself' && schemes.every((each) => backend.capabilities.signingSchemes.includes(each))) {
    const chain = { leaf, key: PrivateKey.fromFile(keyFile), chain: issuers, ...evidence }
    return { ...known, chain, schemes, shown: () => undefined, forgetUse: () => {} }
  }
  let used = false
  const sign = (scheme: CodePoint, message: Uint8Array): Uint8Array => {
    used = true
    const parameters = schemeParameters.get(scheme)
    if (parameters === undefined) throw new Error(`asked to sign with ${scheme}`)
    return crypto.signWith(parameters.algorithm, key, message)
  }
  const preferred =
    signingPreferences.length > 0 ? signingPreferences.filter((each) => schemes.includes(each)) : schemes
  if (preferred.length === 0) throw new Unimplemented('none of the signature schemes')
  const signer = {
    publicKey: createPublicKey(pem).export({ type: 'spki', format: 'der' }),
    schemes: preferred,
    sign: signs === 'later' ? async (scheme: CodePoint, message: Uint8Array) => sign(scheme, message) : sign,
  }
  return {
    chain: { leaf, key: PrivateKey.fromSigner(signer), chain: issuers, ...evidence },
    ...known,
    schemes,
    shown: () => (used ? index : undefined),
    forgetUse: () => {
      used = false
    },
  }
}

/** Whether somebody who accepts these authorities is to see it. */
export function mayBeShown({ neededIssuers }: Credential, authorities: readonly Uint8Array[]): boolean {
  return neededIssuers?.some((name) => authorities.some((each) => Buffer.compare(each, name) === 0)) ?? true
}

function fail(): never {
  throw new Error('the runner wants it to fail')
}

/** The items of a SignedCertificateTimestampList: RFC 6962, Section 3.3. */
export function timestampsIn(list: Uint8Array): readonly Uint8Array[] {
  const timestamps: Uint8Array[] = []
  for (const items = new ByteReader(list, 'timestamps').reader16('list'); items.remaining > 0; )
    timestamps.push(items.vector16('timestamp').slice())
  return timestamps
}

/** The certificates of a file in PEM, in its order. */
export function certificatesIn(path: string): readonly Certificate[] {
  return derCertificatesIn(path).map((der) => Certificate.fromBuffer(der))
}

export function derCertificatesIn(path: string): readonly Uint8Array[] {
  return decodePem(readFileSync(path)).map(({ bytes }) => bytes)
}
