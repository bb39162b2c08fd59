import { readFileSync } from 'node:fs'

/** Reads a file for a backend that has no way to do so itself. */
export function readFile(path: string): Uint8Array {
  return readFileSync(path)
}
