/** A whole number from 0 to `below` - 1. */
export type Random = (below: number) => number

/** The numbers of one input: the same in every run, and on their own, so that an input can be repeated without those before it. Mulberry32. */
export function randomOf(seed: number, input: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(input + 1, 0x85ebca6b)) >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let value = Math.imul(state ^ (state >>> 15), state | 1)
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61)
    return ((value ^ (value >>> 14)) >>> 0) % below
  }
}

export function pick<T>(list: readonly T[], random: Random): T {
  return list[random(list.length)] as T
}

/** A copy with one change: bits, bytes with a meaning, an end, a gap, something more, something twice. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const out = Uint8Array.from(bytes)
  if (out.length === 0) return Uint8Array.of(random(256))
  const at = random(out.length)
  switch (random(7)) {
    case 0:
      out[at] = (out[at] as number) ^ (1 << random(8))
      return out
    case 1:
      out[at] = pick(INTERESTING, random)
      return out
    case 2:
      return out.subarray(0, at)
    case 3:
      return joined(out.subarray(0, at), out.subarray(Math.min(out.length, at + 1 + random(8))))
    case 4:
      return joined(
        out.subarray(0, at),
        Uint8Array.from({ length: 1 + random(4) }, () => random(256)),
        out.subarray(at),
      )
    case 5:
      return joined(out.subarray(0, at), out.subarray(at, at + random(40)), out.subarray(at))
    default:
      out[at] = random(256)
      return out
  }
}

export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}

const INTERESTING: readonly number[] = [0x00, 0x01, 0x03, 0x04, 0x7f, 0x80, 0xff, 0x30, 0x2e, 0x2a]
