import { callApplication } from '../../channel/application-call.ts'
import type { TicketKey, TicketKeys } from '../../config/server-sessions.ts'
import { requireTicketKeys } from '../../config/session-validation.ts'
import { type AeadAlgorithm, aeadNonceLength, aeadParameters } from '../../crypto/algorithms.ts'
import { equalPublicBytes, wipe } from '../../crypto/bytes.ts'
import type { Aead, CryptoProvider } from '../../crypto/provider.ts'

/**
 * Seals tickets that hold everything: the name of the key, a nonce, and what RFC 5077, Section 4, calls the encrypted state, by an AEAD
 * instead of its two primitives. Nonces are random; a key that is replaced every few hours seals far fewer than 2^32 tickets.
 */
export class TicketSealer {
  readonly #crypto: CryptoProvider
  readonly #keys: TicketKeys
  readonly #algorithm: AeadAlgorithm
  readonly #prepared = new WeakMap<TicketKey, PreparedKey>()

  constructor(crypto: CryptoProvider, keys: TicketKeys) {
    this.#crypto = crypto
    this.#keys = keys
    this.#algorithm = crypto.capabilities.aeads.includes('aes-256-gcm') ? 'aes-256-gcm' : 'chacha20-poly1305'
  }

  isTicket(bytes: Uint8Array): boolean {
    return this.#keyOf(bytes) !== undefined
  }

  /** Whether it was sealed by the key that seals now. */
  isCurrent(ticket: Uint8Array): boolean {
    const [newest] = this.#current()
    return equalPublicBytes(newest.name, ticket.subarray(0, nameLength))
  }

  seal(content: Uint8Array): Uint8Array {
    const [newest] = this.#current()
    const aead = this.#aead(newest)
    const nonce = this.#crypto.random(aeadNonceLength)
    const ticket = new Uint8Array(headerLength + content.length + aead.tagLength)
    ticket.set(newest.name)
    ticket.set(nonce, nameLength)
    aead.seal(nonce, newest.name, [content], ticket, headerLength)
    return ticket
  }

  /** `undefined` where no key of ours fits, or the ticket is not as it was sealed. */
  open(ticket: Uint8Array): Uint8Array | undefined {
    const key = this.#keyOf(ticket)
    if (key === undefined) return undefined
    const aead = this.#aead(key)
    if (ticket.length < headerLength + aead.tagLength) return undefined
    return aead.open(ticket.subarray(nameLength, headerLength), key.name, ticket.subarray(headerLength))
  }

  #current(): ReturnType<typeof requireTicketKeys> {
    return callApplication('portable', 'sessions.ticketKeys.current', () => requireTicketKeys(this.#keys.current()))
  }

  #keyOf(ticket: Uint8Array): TicketKey | undefined {
    const name = ticket.subarray(0, nameLength)
    return this.#current().find((key) => equalPublicBytes(key.name, name))
  }

  #aead(key: TicketKey): Aead {
    const known = this.#prepared.get(key)
    if (known !== undefined && this.#isUnchanged(key, known)) return known.aead
    if (known !== undefined) {
      known.aead.wipe()
      wipe(known.secret)
    }
    const prepared = { name: new Uint8Array(key.name), secret: new Uint8Array(key.secret), aead: this.#derive(key) }
    this.#prepared.set(key, prepared)
    return prepared.aead
  }

  /** An application may write over a key that nobody is to use any more. */
  #isUnchanged({ name, secret }: TicketKey, known: PreparedKey): boolean {
    return equalPublicBytes(name, known.name) && this.#crypto.timingSafeEqual(secret, known.secret)
  }

  /** Apart from whatever else an application may do with the same secret. */
  #derive({ name, secret }: TicketKey): Aead {
    const extracted = this.#crypto.hkdfExtract('sha256', purpose, secret)
    const derived = this.#crypto.hkdfExpand('sha256', extracted, name, aeadParameters[this.#algorithm].keyLength)
    const aead = this.#crypto.createAead(this.#algorithm, derived)
    wipe(extracted, derived)
    return aead
  }
}

/** What has come of a key, and the key as it was. */
interface PreparedKey {
  readonly name: Uint8Array
  readonly secret: Uint8Array
  readonly aead: Aead
}

const nameLength = 16
const headerLength: number = nameLength + aeadNonceLength
const purpose = new TextEncoder().encode('polytls portable ticket')
