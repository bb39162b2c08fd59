import { hexOfBytes } from '../../crypto/bytes.ts'

/** RFC 9850, Section 2. */
export type KeyLogLabel =
  | 'CLIENT_EARLY_TRAFFIC_SECRET'
  | 'EARLY_EXPORTER_SECRET'
  | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET'
  | 'SERVER_HANDSHAKE_TRAFFIC_SECRET'
  | 'CLIENT_TRAFFIC_SECRET_0'
  | 'SERVER_TRAFFIC_SECRET_0'
  | 'EXPORTER_SECRET'
  | 'CLIENT_RANDOM'

export function keyLogLine(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string {
  return `${label} ${hexOfBytes(clientRandom)} ${hexOfBytes(secret)}`
}

/** Keeps the lines of a step until it is over: what the application does with them must not disturb it. */
export class KeyLog {
  readonly #write: ((line: string) => void) | undefined
  #lines: string[] = []

  /** @param write Where the configuration wants a log. */
  constructor(write: ((line: string) => void) | undefined) {
    this.#write = write
  }

  note(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    if (this.#write !== undefined) this.#lines.push(keyLogLine(label, clientRandom, secret))
  }

  /** Throws what the application throws. */
  deliver(): void {
    if (this.#lines.length === 0) return
    const lines = this.#lines
    this.#lines = []
    for (const line of lines) this.#write?.(line)
  }
}
