/** A copy with one to four random changes: bytes, lengths, repetitions. */
export function mutate(body: Uint8Array, random: (limit: number) => number): Uint8Array {
  let bytes = [...body]
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(bytes.length + 1)
    switch (random(6)) {
      case 0:
        bytes[at % Math.max(bytes.length, 1)] = random(256)
        break
      case 1:
        bytes[at % Math.max(bytes.length, 1)] = [0, 1, 0x7f, 0x80, 0xff][random(5)] as number
        break
      case 2:
        bytes = bytes.slice(0, at)
        break
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: 1 + random(4) }, () => random(256)))
        break
      case 4:
        bytes.splice(at, 1 + random(8))
        break
      default:
        bytes.splice(at, 0, ...bytes.slice(at, at + random(40)))
    }
  }
  return Uint8Array.from(bytes)
}

/** Xorshift: small, and the same on every machine. */
export function generator(start: number): (limit: number) => number {
  let state = start >>> 0 || 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
