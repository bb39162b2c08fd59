import type { NegotiatedVersion } from '../../config/tls-version.ts'

/** The numbers of versions on the wire. */
export const versionCode: { readonly [V in NegotiatedVersion]: number } = { 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 }

/**
 * The end of the ServerHello's random with which a server that speaks TLS 1.3 marks that it negotiated TLS 1.2: who meddled with the
 * versions cannot change it, since it is signed. RFC 9846, Section 4.1.3. The last byte is 0 for TLS 1.1 and older.
 */
export const downgradeMarker: Uint8Array = Uint8Array.of(0x44, 0x4f, 0x57, 0x4e, 0x47, 0x52, 0x44, 0x01)

/** Whether a server says that it speaks a newer version than it chose. */
export function hasDowngradeMarker(random: Uint8Array): boolean {
  const end = random.subarray(random.length - downgradeMarker.length)
  const last = downgradeMarker.length - 1
  return end.every((byte, i) => (i === last ? byte <= 1 : byte === downgradeMarker[i]))
}

/** The ServerHello's random of a server that chose `version`. */
export function markRandom(
  random: Uint8Array,
  version: NegotiatedVersion,
  spoken: readonly NegotiatedVersion[],
): Uint8Array {
  const marked = random.slice()
  if (version === 'TLSv1.2' && spoken.includes('TLSv1.3')) {
    marked.set(downgradeMarker, random.length - downgradeMarker.length)
  }
  return marked
}

/** TLS_FALLBACK_SCSV: the client retries with less than it could. RFC 7507. */
export const fallbackSignal = 0x5600
