/** Where in a client's list of protocols the name that we prefer starts (behind its length byte), and its length. RFC 7301, Section 3.1. */
export function chooseProtocol(
  offered: Uint8Array,
  preferred: readonly string[],
): { readonly offset: number; readonly length: number } | undefined {
  const places = new Map<string, number>()
  for (let at = 0; at < offered.byteLength; at += 1 + (offered[at] ?? 0)) {
    places.set(Buffer.from(offered.subarray(at + 1, at + 1 + (offered[at] ?? 0))).toString('latin1'), at)
  }
  for (const name of preferred) {
    const place = places.get(Buffer.from(name, 'utf8').toString('latin1'))
    if (place !== undefined) return { offset: place + 1, length: offered[place] ?? 0 }
  }
  return undefined
}
