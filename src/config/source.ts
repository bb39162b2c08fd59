/**
 * Where a certificate, a key or a trust store comes from. A source only says where: nothing is read, parsed or unlocked before
 * a backend makes a context of it.
 */
export type Source = BufferSource | FileSource | IdSource

/** PEM or DER, held by the program. Each access of `bytes` gives a copy, so that a configuration cannot change under its users. */
export interface BufferSource {
  readonly kind: 'buffer'
  readonly bytes: Uint8Array
}

/** A file with PEM or DER. It is read when a context is made, and again for each new context. */
export interface FileSource {
  readonly kind: 'file'
  readonly path: string
}

/**
 * A name that only a backend understands, such as `pkcs11:token=…` or `windows:CurrentUser/My/thumbprint=…`.
 * A backend that does not know the scheme refuses it with a ConfigurationError.
 */
export interface IdSource {
  readonly kind: 'id'
  readonly id: string
}

export function bufferSource(field: string, content: Uint8Array | string): BufferSource {
  if (typeof content !== 'string' && !(content instanceof Uint8Array)) {
    throw new TypeError(`${field}: expected PEM text or a Uint8Array with PEM or DER, got ${typeOf(content)}`)
  }
  // A Buffer's own slice would share memory with it.
  const held = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content)
  if (held.byteLength === 0) throw new TypeError(`${field}: expected PEM or DER, got nothing`)
  return Object.freeze({
    kind: 'buffer' as const,
    get bytes() {
      return new Uint8Array(held)
    },
  })
}

export function fileSource(field: string, path: string): FileSource {
  return Object.freeze({ kind: 'file' as const, path: nonEmptyString(field, path) })
}

export function idSource(field: string, id: string): IdSource {
  return Object.freeze({ kind: 'id' as const, id: nonEmptyString(field, id) })
}

/** What a value is, for messages: `null` and arrays by their own names. */
export function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

function nonEmptyString(field: string, value: string): string {
  if (typeof value !== 'string' || value === '')
    throw new TypeError(`${field}: expected a string, got ${typeOf(value)}`)
  if (value.includes('\0')) throw new TypeError(`${field}: a zero byte cannot be part of it`)
  return value
}
