import { Certificate } from './certificate.ts'
import { PreSharedKey, secretOf } from './pre-shared-key.ts'
import { PrivateKey, passphraseOf } from './private-key.ts'
import { RevocationList } from './revocation.ts'
import { TrustStore } from './trust-store.ts'

/**
 * A text that two configurations share exactly when they mean the same: data by value; functions, signers and caches by identity.
 * It holds keys and passphrases in clear, so it stays inside: for comparing and as the key of in-memory caches.
 */
export function identityOf(value: unknown): string {
  if (typeof value === 'function') return `function ${numberOf(value)}`
  if (typeof value === 'string') return `${value.length}:${value}`
  if (value instanceof Uint8Array) return `bytes ${value.length}:${latin1.decode(value)}`
  if (Array.isArray(value)) return `[${value.map(identityOf).join()}]`
  if (value instanceof PrivateKey) return `key ${identityOf(passphraseOf(value))} ${sourceIdentity(value.source)}`
  if (value instanceof Certificate) return `certificate ${sourceIdentity(value.source)}`
  if (value instanceof TrustStore) return `trust ${sourceIdentity(value.source)}`
  if (value instanceof RevocationList) return `revocation list ${sourceIdentity(value.source)}`
  if (value instanceof PreSharedKey) {
    const { identity, hash, importContext } = value
    return `pre-shared ${identityOf([identity, secretOf(value), hash, importContext])}`
  }
  if (typeof value === 'object' && value !== null) {
    // What has a class of its own is a thing of the application's: a cache, say.
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== null && prototype !== Object.prototype) return `object ${numberOf(value)}`
    const names = Object.keys(value).sort()
    return `{${names.map((name) => `${name}=${identityOf((value as Record<string, unknown>)[name])}`).join()}}`
  }
  return String(value)
}

function sourceIdentity(source: PrivateKey['source'] | TrustStore['source']): string {
  switch (source.kind) {
    case 'buffer':
      return `buffer ${identityOf(source.bytes)}`
    case 'file':
      return `file ${identityOf(source.path)}`
    case 'id':
      return `id ${identityOf(source.id)}`
    case 'signer':
      return `signer ${numberOf(source.signer)}`
    case 'certificates':
      return `certificates ${identityOf(source.certificates)}`
    case 'system':
      return 'system'
  }
}

/** TextDecoder's latin1 is windows-1252: still one character a byte, which is all that is needed here. */
const latin1 = new TextDecoder('latin1')

const numbers = new WeakMap<object, number>()
let last = 0
function numberOf(value: object): number {
  let number = numbers.get(value)
  if (number === undefined) {
    number = ++last
    numbers.set(value, number)
  }
  return number
}
