import { fault } from './faults.ts'
import type { Exporter } from './key-schedule.ts'

/** What there is before the handshake is done: on a server, the early data that it has accepted; on both sides, the secrets of that time. */
export class EarlyData {
  /** What was not read yet; `undefined` as long as none was accepted. */
  #chunks: Uint8Array[] | undefined
  #room = 0
  #isOpen = false
  #exporter: Exporter | undefined

  /** What comes as application data from here on is early data, at most so much, until `end`. */
  accept(maxBytes: number): void {
    this.#chunks = []
    this.#room = maxBytes
    this.#isOpen = true
  }

  end(): void {
    this.#isOpen = false
  }

  /** Secrets from before the handshake's own keys: RFC 9846, Section 7.5. */
  provideExporter(exporter: Exporter): void {
    this.#exporter = exporter
  }

  /** `undefined` where there was no early data. */
  get exporter(): Exporter | undefined {
    return this.#exporter
  }

  get wasAccepted(): boolean {
    return this.#chunks !== undefined
  }

  /** Whether the client has not ended it yet. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** @throws ProtocolError where it is more than was allowed: RFC 9846, Section 4.2.10. */
  add(content: Uint8Array): void {
    this.#room -= content.length
    if (this.#room < 0) throw fault('too-much-early-data')
    this.#chunks?.push(content)
  }

  take(maxBytes: number): Uint8Array | undefined {
    const [first] = this.#chunks ?? []
    if (first === undefined) return undefined
    if (first.length <= maxBytes) {
      this.#chunks?.shift()
      return first
    }
    this.#chunks?.splice(0, 1, first.subarray(maxBytes))
    return first.slice(0, maxBytes)
  }
}
