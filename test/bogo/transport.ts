import { connect, type Socket } from 'node:net'

/** A TCP connection that is read when there is time for it. */
export class Transport {
  readonly #socket: Socket
  readonly #chunks: Uint8Array[] = []
  #ended = false
  #wake: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const wake = (): void => this.#wake?.()
    socket.setNoDelay(true)
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      wake()
    })
    // A reset is an end like any other: what it means is for TLS to say.
    socket.on('error', () => {})
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true
        wake()
      })
    }
  }

  static async connect(host: string, port: number): Promise<Transport> {
    const socket = connect({ host, port, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new Transport(socket)
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > 0 && this.#socket.writable) this.#socket.write(bytes)
  }

  /** What has come, or `undefined` once the other side has ended. */
  async read(): Promise<Uint8Array | undefined> {
    while (this.#chunks.length === 0) {
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.#chunks.shift()
  }

  /** Ends this direction and waits for the other, so that nothing that was sent is lost to a reset. */
  async close(): Promise<void> {
    this.#socket.end()
    while ((await this.read()) !== undefined);
    this.#socket.destroy()
  }
}
