import { DecodeError } from './decode-error.ts'

/**
 * Decodes base64 with padding; white space between is ignored (RFC 4648, Section 4, as PEM uses it). `atob` does the work: it is in
 * every runtime that we support.
 */
export function decodeBase64(text: string, what: string): Uint8Array<ArrayBuffer> {
  const compact = text.replace(/[\t\n\f\r ]+/g, '')
  if (compact.length % 4 !== 0) throw new DecodeError(what, 'base64 whose length is not a multiple of four')
  let binary: string
  try {
    binary = atob(compact)
  } catch (cause) {
    throw new DecodeError(what, 'characters that base64 does not have', { cause })
  }
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** Encodes in one line, with padding. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192))
  return btoa(binary)
}
