/**
 * Random bytes for what is sent in clear, from a store that is filled at once. To ask node:crypto costs 2 µs however few bytes are wanted, and
 * as much again for the collector of the Buffer they come in; a handshake asks some ten times, for 4 to 32 bytes (Node 20.20, x64).
 */
import { randomBytes, randomFillSync } from 'node:crypto'
import * as v8 from 'node:v8'

export function nodeRandom(length: number): Uint8Array {
  if (length > mostFromStore) return randomBytes(length)
  if (used + length > store.length) {
    // Every process that starts from the snapshot would draw the same.
    if (v8.startupSnapshot?.isBuildingSnapshot?.()) return randomBytes(length)
    randomFillSync(store)
    used = 0
  }
  const drawn = store.slice(used, used + length)
  // What was handed out does not stay here.
  store.fill(0, used, used + length)
  used += length
  return drawn
}

const mostFromStore = 32
const store: Uint8Array = new Uint8Array(1024)
let used: number = store.length
