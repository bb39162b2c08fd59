import { DecodeError } from '../../codec/decode-error.ts'
import { decodePem, isPem } from '../../codec/pem.ts'
import type { Revocation } from '../../config/revocation.ts'
import { ConfigurationError } from '../../errors.ts'
import type { RevocationPolicy } from '../../x509/revocation.ts'
import { decodeRevocationList, type RevocationList } from '../../x509/revocation-list.ts'
import { bytesOf, type Loader } from './credentials.ts'

/**
 * Reads the revocation lists of a configuration. One that could never tell the status of anything is a mistake of the caller's, and
 * refused at once.
 */
export function loadRevocation(
  loader: Loader,
  { lists, missing = 'reject', scope = 'path' }: Revocation,
): RevocationPolicy {
  const decoded = lists.flatMap(({ source }, index) => {
    const field = `revocation.lists[${index}]`
    return listsIn(field, bytesOf(loader, field, source))
  })
  return { lists: decoded, missing, scope }
}

function listsIn(field: string, bytes: Uint8Array): readonly RevocationList[] {
  try {
    const ders = isPem(bytes)
      ? decodePem(bytes).flatMap((block) => (block.label === 'X509 CRL' ? [block.bytes] : []))
      : [bytes]
    if (ders.length === 0) throw new ConfigurationError(field, 'no revocation list in it can be read: there is none')
    return ders.map((der) => {
      const list = decodeRevocationList(der)
      if (list.unusable === undefined) return list
      throw new ConfigurationError(field, `a list in it cannot be used: ${list.unusable}`, {
        hint: 'give the complete list that the issuer of the certificates signs itself',
      })
    })
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause
    throw new ConfigurationError(field, `a revocation list in it cannot be read: ${cause.message}`, { cause })
  }
}
