/** External keys that are imported for one purpose each: RFC 9258. */
import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { DecodeError } from '../../codec/decode-error.ts'
import { type PreSharedKey, secretOf } from '../../config/pre-shared-key.ts'
import { type HashAlgorithm, hashLength } from '../../crypto/algorithms.ts'
import { wipe } from '../../crypto/bytes.ts'
import type { CryptoProvider } from '../../crypto/provider.ts'
import { expandLabel } from './own-secret.ts'
import { versionCode } from './protocol-version.ts'

/** RFC 9258, Section 5.1. */
export interface ImportedIdentity {
  readonly externalIdentity: Uint8Array
  readonly context: Uint8Array
  readonly targetHash: HashAlgorithm
}

export function encodeImportedIdentity({ externalIdentity, context, targetHash }: ImportedIdentity): Uint8Array {
  const w = new ByteWriter().vector16(externalIdentity).vector16(context).u16(versionCode['TLSv1.3'])
  return w
    .u16(kdfCodes[targetHash] ?? 0)
    .finish()
    .slice()
}

/** `undefined` where the identity is none of an imported key. */
export function decodeImportedIdentity(identity: Uint8Array): ImportedIdentity | undefined {
  try {
    const r = new ByteReader(identity, 'ImportedIdentity')
    const externalIdentity = r.vector16('external_identity', 1)
    const context = r.vector16('context')
    const protocol = r.u16('target_protocol')
    const kdf = r.u16('target_kdf')
    r.end()
    const targetHash = (['sha256', 'sha384'] as const).find((hash) => kdfCodes[hash] === kdf)
    if (protocol !== versionCode['TLSv1.3'] || targetHash === undefined) return undefined
    return { externalIdentity, context, targetHash }
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}

/** The key for this purpose alone: RFC 9258, Section 5.1. */
export function importKey(crypto: CryptoProvider, key: PreSharedKey, identity: ImportedIdentity): Uint8Array {
  const { hash } = key
  const extracted = crypto.hkdfExtract(hash, new Uint8Array(0), secretOf(key))
  const context = crypto.digest(hash, encodeImportedIdentity(identity))
  const imported = expandLabel(crypto, hash, extracted, 'derived psk', context, hashLength[identity.targetHash])
  wipe(extracted)
  return imported
}

/** RFC 9258, Section 10: HKDF_SHA256 and HKDF_SHA384. */
const kdfCodes: { readonly [H in HashAlgorithm]?: number } = { sha256: 1, sha384: 2 }
