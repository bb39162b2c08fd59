import { hkdfSync, timingSafeEqual } from 'node:crypto'
import { callApplication } from '../../channel/application-call.ts'
import { RotatingTicketKeys } from '../../channel/rotating-ticket-keys.ts'
import type { TicketKey, TicketKeys } from '../../config/server-sessions.ts'
import { requireTicketKeys } from '../../config/session-validation.ts'
import { Ctrl } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** What OpenSSL gives for a ticket that is to be sealed or opened. SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
export interface TicketMaterial {
  /** 16 bytes. */
  readonly name: Pointer
  /** 16 bytes. */
  readonly initializationVector: Pointer
  readonly cipher: Pointer
  readonly mac: Pointer
}

/** Gives OpenSSL the keys for tickets: AES-256-CBC and HMAC-SHA256, as RFC 5077, Section 4, recommends. No asymmetric work. */
export class TicketSealing {
  readonly #library: Library
  readonly #keys: TicketKeys
  readonly #backendName: string
  /** By name and secret: an application may give new objects each time. */
  readonly #derived = new Map<string, DerivedKeys>()
  readonly #cipher: Pointer | null
  readonly #macParameters: MacParameters
  /** A copy of the key that OpenSSL has; `undefined` where it asks. */
  #handedOver: TicketKey | undefined
  /** The keys of our own that have been dealt with. */
  #settled: readonly TicketKey[] | undefined

  constructor(library: Library, keys: TicketKeys, backendName: string) {
    this.#library = library
    this.#backendName = backendName
    this.#keys = keys
    this.#cipher = library.native.EVP_aes_256_cbc()
    this.#macParameters = new MacParameters(library)
  }

  /**
   * Before a step in which tickets may come or be made. Where there is one key alone, OpenSSL gets it and does by itself what `seal` and
   * `open` do, which spares it two calls back; it has no room for older keys, so where there are some it asks. The context is the one that
   * connections start with.
   */
  handOver(context: Pointer): void {
    // Nobody but us can write into keys of our own, so the same list is the same keys.
    const own = this.#keys instanceof RotatingTicketKeys ? this.#keys.current() : undefined
    if (own !== undefined && own === this.#settled) return
    const key = this.#onlyKey()
    if (key === undefined ? this.#handedOver !== undefined : !isSameKey(key, this.#handedOver)) this.#give(context, key)
    this.#settled = own
  }

  #give(context: Pointer, key: TicketKey | undefined): void {
    const { native, callbacks } = this.#library
    if (key !== undefined) {
      const { encryption, authentication } = this.#derive(key)
      const keys = Buffer.concat([key.name, authentication, encryption])
      if (native.SSL_CTX_ctrl(context, Ctrl.SET_TLSEXT_TICKET_KEYS, keys.byteLength, keys) !== 1)
        throw new Error('SSL_CTX_set_tlsext_ticket_keys failed')
      keys.fill(0)
    }
    native.SSL_CTX_set_tlsext_ticket_key_evp_cb(context, key === undefined ? callbacks.sessions.ticketKey : null)
    // Not by `slice`, which for a Buffer is no copy.
    this.#handedOver = key && { name: new Uint8Array(key.name), secret: new Uint8Array(key.secret) }
  }

  /** @returns 1 for success, as C expects. */
  seal(material: TicketMaterial): number {
    const { native } = this.#library
    const [newest] = this.#current()
    const { initializationVector } = material
    if (native.RAND_bytes(initializationVector, 16) !== 1) return -1
    this.#library.put(material.name, newest.name)
    const { encryption, authentication } = this.#derive(newest)
    native.EVP_EncryptInit_ex(material.cipher, this.#cipher, null, encryption, initializationVector)
    return native.EVP_MAC_init(material.mac, authentication, 32, this.#macParameters.array)
  }

  /** @returns 1 for success, 2 for a key that is not the newest, so that a new ticket is due, 0 where no key has the name. */
  open(material: TicketMaterial): number {
    const { native } = this.#library
    const keys = this.#current()
    const name = Buffer.from(this.#library.copy(material.name, 16))
    const index = keys.findIndex((key) => name.equals(key.name))
    const key = keys[index]
    if (key === undefined) return 0
    const { encryption, authentication } = this.#derive(key)
    native.EVP_DecryptInit_ex(material.cipher, this.#cipher, null, encryption, material.initializationVector)
    if (native.EVP_MAC_init(material.mac, authentication, 32, this.#macParameters.array) !== 1) return -1
    return index === 0 ? 1 : 2
  }

  /** Whether something that a client sent begins as our tickets do. */
  isTicket(identity: Uint8Array): boolean {
    if (identity.byteLength < 16) return false
    const name = Buffer.from(identity.subarray(0, 16))
    return this.#current().some((key) => name.equals(key.name))
  }

  #current(): ReturnType<typeof requireTicketKeys> {
    const name = 'sessions.ticketKeys.current'
    return callApplication(this.#backendName, name, () => requireTicketKeys(this.#keys.current()))
  }

  #onlyKey(): TicketKey | undefined {
    try {
      const keys = this.#current()
      return keys.length === 1 ? keys[0] : undefined
    } catch {
      // Whoever has a ticket, or is to get one, fails of it: OpenSSL asks then.
      return undefined
    }
  }

  /** One key for each purpose. */
  #derive({ name, secret }: TicketKey): DerivedKeys {
    const id = Buffer.concat([name, secret]).toString('latin1')
    let derived = this.#derived.get(id)
    if (derived === undefined) {
      const bytes = Buffer.from(hkdfSync('sha256', secret, name, 'polytls openssl ticket', 64))
      derived = { encryption: bytes.subarray(0, 32), authentication: bytes.subarray(32) }
      if (this.#derived.size >= mostDerived) this.#derived.clear()
      this.#derived.set(id, derived)
    }
    return derived
  }
}

/** By what is in them: an application may give new objects each time, or write into those that it has given. */
function isSameKey(one: TicketKey, other: TicketKey | undefined): boolean {
  return other !== undefined && Buffer.compare(one.name, other.name) === 0 && timingSafeEqual(one.secret, other.secret)
}

interface DerivedKeys {
  readonly encryption: Buffer
  readonly authentication: Buffer
}

const mostDerived = 8

/** An array of OSSL_PARAM that names the digest of an HMAC. OSSL_PARAM(3). */
class MacParameters {
  readonly array: BigUint64Array
  /** What the array points at has to live as long as it does. */
  readonly #key: Buffer = slowText('digest\0')
  readonly #value: Buffer = slowText('SHA256\0')

  constructor({ koffi }: Library) {
    const utf8String = 4n
    const unmodified = 2n ** 64n - 1n
    // key, data_type, data, data_size, return_size; a member without a key ends the array.
    const length = BigInt(this.#value.byteLength - 1)
    const digest = [koffi.address(this.#key), utf8String, koffi.address(this.#value), length, unmodified]
    this.array = BigUint64Array.of(...digest, 0n, 0n, 0n, 0n, 0n)
  }
}

function slowText(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(text.length)
  bytes.write(text, 'latin1')
  return bytes
}
