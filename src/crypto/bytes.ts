/** The few operations on bytes that providers share. */

export function concatBytes(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const piece of pieces) length += piece.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}

/** Overwrites a secret with zeros. JavaScript's engine may hold copies that no program can reach. */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0)
}

/** Whether all bytes are zero, without stopping at the first that is not. */
export function isAllZero(bytes: Uint8Array): boolean {
  let any = 0
  for (const byte of bytes) any |= byte
  return any === 0
}

/** For public values only: the time depends on the content. */
export function equalPublicBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

export function hexOfBytes(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0')
  return hex
}
