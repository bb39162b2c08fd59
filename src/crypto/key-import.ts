/** From exceptions inside this folder to the plain answer of the contract. */
import { KeyEncodingError } from './key-der.ts'
import type { KeyImport } from './provider.ts'

export function toKeyImport<Key>(decode: () => Key): KeyImport<Key> {
  try {
    return { key: decode() }
  } catch (error) {
    if (!(error instanceof KeyEncodingError)) throw error
    return { key: undefined, fault: error.fault, reason: error.message }
  }
}
