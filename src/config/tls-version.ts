/**
 * Versions of TLS. `MINIMUM_SUPPORTED` and `MAXIMUM_SUPPORTED` stand for the lowest and the highest that the backend offers;
 * no backend offers anything older than TLS 1.2.
 * Source: PEP 748, TLSVersion.
 */
export const TLSVersion = {
  MINIMUM_SUPPORTED: 'minimum',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
  MAXIMUM_SUPPORTED: 'maximum',
} as const
export type TLSVersion = (typeof TLSVersion)[keyof typeof TLSVersion]

/** A version that a connection can really have, as opposed to the two bounds. */
export type NegotiatedVersion = 'TLSv1.2' | 'TLSv1.3'

/** Orders versions from the lowest to the highest. */
export function compareVersions(left: TLSVersion, right: TLSVersion): number {
  return rankOf(left) - rankOf(right)
}

function rankOf(version: TLSVersion): number {
  const rank = ascending.indexOf(version)
  if (rank < 0) throw new TypeError('version: expected one of TLSVersion')
  return rank
}
const ascending: readonly TLSVersion[] = ['minimum', 'TLSv1.2', 'TLSv1.3', 'maximum']
