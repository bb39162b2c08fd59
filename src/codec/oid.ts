/**
 * The dotted form of an object identifier's contents, or `undefined` where the encoding is empty, cut off, or not the shortest
 * (X.690, Section 8.19). Arcs may have any size: `2.25` has 128 bits.
 */
export function decodeOid(content: Uint8Array): string | undefined {
  const last = content[content.length - 1]
  if (last === undefined || last >= 0x80 || content.length > MAXIMUM_BYTES) return undefined
  let text = ''
  let arc = 0
  let large: bigint | undefined
  let first = true
  for (let i = 0; i < content.length; i++) {
    const byte = content[i] as number
    if (byte === 0x80 && arc === 0 && large === undefined) return undefined
    if (large !== undefined) large = (large << 7n) | BigInt(byte & 0x7f)
    else if (arc >= LARGE) large = (BigInt(arc) << 7n) | BigInt(byte & 0x7f)
    else arc = arc * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    if (first) {
      const root = large === undefined && arc < 80 ? Math.floor(arc / 40) : 2
      text = `${root}.${large === undefined ? arc - root * 40 : large - 80n}`
      first = false
    } else {
      text += `.${large ?? arc}`
    }
    arc = 0
    large = undefined
  }
  return text
}

/** The contents of an object identifier given in dotted form. */
export function encodeOid(oid: string): Uint8Array {
  const arcs = oid.split('.').map((arc) => BigInt(arc))
  const [root = 0n, second = 0n, ...rest] = arcs
  const bytes: number[] = []
  for (const arc of [root * 40n + second, ...rest]) {
    const groups = [Number(arc & 0x7fn)]
    for (let left = arc >> 7n; left > 0n; left >>= 7n) groups.unshift(Number(left & 0x7fn) | 0x80)
    bytes.push(...groups)
  }
  return Uint8Array.from(bytes)
}

/** Longer ones are refused: the longest in use have about twenty bytes, and decoding is quadratic in an arc's length. */
const MAXIMUM_BYTES = 128
const LARGE = 2 ** 45
