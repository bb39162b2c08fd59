import type { HandshakeName } from '#polytls/backends/portable/messages/handshake-type.js'
import { handshakeName } from '#polytls/backends/portable/messages/handshake-type.js'
import { ContentType, type RecordSealer } from '#polytls/backends/portable/record/protection.js'
import type { ClientEngine, ServerEngine } from './engines12.js'

type AnyEngine = ClientEngine | ServerEngine

/** What an engine wanted to send, in the order in which it wanted to. */
export type Item =
  | { readonly kind: 'message'; readonly name: string; readonly bytes: Uint8Array }
  | { readonly kind: 'change_cipher_spec' }
  | { readonly kind: 'early_data'; readonly bytes: Uint8Array }
  | { readonly kind: 'protect'; readonly sealer: RecordSealer }

/**
 * Holds back what an engine sends, so that a test decides what the other side gets, in which order, and how it is changed. The change
 * of keys counts as something sent, so that what is sent instead is protected as the original would have been.
 */
export class Tap {
  readonly engine: AnyEngine
  readonly items: Item[] = []
  readonly #send: (message: Uint8Array) => void
  readonly #sendChangeCipherSpec: () => void
  readonly #sendEarlyData: (bytes: Uint8Array) => void
  readonly #protectOutgoing: (sealer: RecordSealer) => void
  #sealer: RecordSealer | undefined

  constructor(engine: AnyEngine) {
    this.engine = engine
    this.#send = engine.send.bind(engine)
    this.#sendChangeCipherSpec = engine.sendChangeCipherSpec.bind(engine)
    this.#protectOutgoing = engine.protectOutgoing.bind(engine)
    engine.send = (bytes) => {
      this.items.push({ kind: 'message', name: handshakeName(bytes[0] as number), bytes: bytes.slice() })
    }
    engine.sendChangeCipherSpec = () => {
      this.items.push({ kind: 'change_cipher_spec' })
    }
    this.#sendEarlyData = engine.sendEarlyData.bind(engine)
    engine.sendEarlyData = (bytes) => {
      this.items.push({ kind: 'early_data', bytes })
    }
    engine.protectOutgoing = (sealer) => {
      this.items.push({ kind: 'protect', sealer })
    }
  }

  /** Sends the next item to the other side, which takes a step. Keys change together with the message that says so. Answers what was sent; `undefined` where nothing waits. */
  deliver(
    to: AnyEngine,
    change: (bytes: Uint8Array, name: HandshakeName) => Uint8Array = (bytes) => bytes,
  ): Item | undefined {
    const item = this.items.shift()
    if (item?.kind === 'change_cipher_spec') this.changeCipherSpec(to)
    if (item?.kind === 'early_data') {
      this.#sendEarlyData(item.bytes)
      this.#carry(to)
    }
    if (item?.kind === 'message') this.inject(to, change(item.bytes, item.name as HandshakeName))
    for (let next = this.items[0]; next?.kind === 'protect'; next = this.items[0]) {
      this.items.shift()
      this.#sealer = next.sealer
      this.#protectOutgoing(next.sealer)
    }
    return item
  }

  /** Sends a handshake message under the protection of the moment. */
  inject(to: AnyEngine, message: Uint8Array): void {
    this.#send(message)
    this.#carry(to)
  }

  /** Also where it has no business to be protected. */
  changeCipherSpec(to: AnyEngine): void {
    if (this.#sealer === undefined) {
      this.#sendChangeCipherSpec()
    } else {
      const record = new Uint8Array(this.#sealer.sealedLength(1))
      this.#sealer.seal(ContentType.change_cipher_spec, Uint8Array.of(1), record, 0)
      to.feed(record)
    }
    this.#carry(to)
  }

  applicationData(to: AnyEngine): void {
    this.engine.transmit(Uint8Array.of(1, 2, 3))
    this.#carry(to)
  }

  #carry(to: AnyEngine): void {
    // Any step flushes what waits.
    this.engine.handshake()
    to.feed(this.engine.takeOutgoing(Number.POSITIVE_INFINITY))
    if (to.isEstablished) to.receive()
    else to.handshake()
  }
}
