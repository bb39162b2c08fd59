import { GeneralName, NID } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** The host names and addresses in a certificate's subjectAltName, in the form that `ChainsByName` compares. */
export function namesOf(library: Library, certificate: Pointer): readonly string[] {
  const { native } = library
  const names = native.X509_get_ext_d2i(certificate, NID.subject_alt_name, null, null)
  if (names === null) return []
  try {
    const found: string[] = []
    for (let index = 0; index < native.OPENSSL_sk_num(names); index++) {
      const kind = new Int32Array(1)
      const value = native.GENERAL_NAME_get0_value(native.OPENSSL_sk_value(names, index), kind)
      if (value === null || (kind[0] !== GeneralName.DNS && kind[0] !== GeneralName.IP)) continue
      const bytes = library.copy(native.ASN1_STRING_get0_data(value), native.ASN1_STRING_length(value))
      found.push(kind[0] === GeneralName.DNS ? Buffer.from(bytes).toString('latin1').toLowerCase() : addressOf(bytes))
    }
    return found
  } finally {
    native.GENERAL_NAMES_free(names)
  }
}

/** Clients are not to name addresses (RFC 6066, Section 3), but some do, as text. */
function addressOf(bytes: Uint8Array): string {
  if (bytes.byteLength === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  )
  // URLs write an address in its one canonical form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
}
