import { createCipheriv, createHash } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { patiently } from './patience.ts'

export const bulkBytes = 64 * 1024 * 1024

/** So many bytes that no compression, no repetition and no shift would bring through unnoticed; the same for the same seed. */
export function bulk(seed: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  return cipher.update(Buffer.alloc(bulkBytes))
}

export function checksum(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Writes all of it in pieces of odd sizes, at the pace of the stream. */
export async function send(stream: Writable, bytes: Buffer): Promise<void> {
  for (let at = 0, size = 1; at < bytes.byteLength; at += size, size = (size * 7 + 1) % 200_003) {
    if (stream.write(bytes.subarray(at, at + size))) continue
    await patiently('a stream to take more', new Promise<void>((resolve) => stream.once('drain', () => resolve())))
  }
}

/** The checksum of the `bulkBytes` that a stream has to give. */
export function receivedChecksum(stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  let received = 0
  const complete = new Promise<string>((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      received += chunk.byteLength
      if (received === bulkBytes) resolve(hash.digest('hex'))
      else if (received > bulkBytes) reject(new Error(`more than ${bulkBytes} bytes came`))
    })
    stream.once('error', reject)
    stream.once('close', () => reject(new Error(`the stream ended after ${received} of ${bulkBytes} bytes`)))
  })
  return patiently('64 MiB', complete)
}
