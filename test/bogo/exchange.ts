import { type Backend, type PauseRequest, RaggedEOFError, type TLSBuffer } from 'polytls'
import { helloRetryRequestRandom } from '#polytls/backends/portable/messages/server-hello.js'
import { prepare } from './configuration.ts'
import { checkFacts } from './expectations.ts'
import type { Request } from './flags.ts'
import { Transport } from './transport.ts'

/** Connects to the runner, speaks with it, and checks what it wants to have checked. */
export async function runExchange(backend: Backend, request: Request): Promise<void> {
  const { buffer, shown } = prepare(backend, request)
  const transport = await Transport.connect(request.host, request.port)
  const id = new DataView(new ArrayBuffer(8))
  id.setBigUint64(0, request.shimId, true)
  transport.write(new Uint8Array(id.buffer))
  const exchange = new Exchange(request, buffer, transport)
  try {
    await exchange.handshake()
    checkFacts(request, buffer.facts, {
      credential: shown(),
      helloRetryRequest: exchange.sawHelloRetryRequest,
      // The noble provider has no instructions to use.
      prefersAES: backend.version === 'with node',
    })
    await exchange.talk()
  } finally {
    // An alert may be among it.
    transport.write(buffer.processOutgoing())
    await transport.close()
  }
}

class Exchange {
  readonly #request: Request
  readonly #buffer: TLSBuffer
  readonly #transport: Transport
  /** What came and was not taken yet. */
  #pending: Uint8Array = new Uint8Array(0)
  /** The first bytes of the server. */
  #greeting = ''

  constructor(request: Request, buffer: TLSBuffer, transport: Transport) {
    this.#request = request
    this.#buffer = buffer
    this.#transport = transport
  }

  /** No fact says so, but its random cannot be mistaken. */
  get sawHelloRetryRequest(): boolean {
    return this.#greeting.includes(hex(helloRetryRequestRandom))
  }

  async handshake(): Promise<void> {
    const { flags } = this.#request
    const again = flags.has('-handshake-twice') || flags.has('-no-op-extra-handshake')
    for (let count = 0; count < (again ? 2 : 1); count++) {
      const result = await this.#step(() => this.#buffer.handshake())
      if (result === 'closed') throw new RaggedEOFError('handshake')
    }
  }

  async talk(): Promise<void> {
    const { flags, texts, numbers } = this.#request
    const length = numbers.get('-export-keying-material')?.[0] ?? 0
    if (length > 0) await this.#write(this.#exportKeyingMaterial(length))
    if (flags.has('-write-different-record-sizes')) {
      for (const size of recordSizes) await this.#write(new Uint8Array(size).fill(0x42))
    } else {
      if (flags.has('-shim-writes-first')) {
        const times = numbers.get('-repeat-shim-initial-write')?.[0] ?? 1
        const text = new TextEncoder().encode(texts.get('-shim-initial-write') ?? 'hello')
        for (let count = 0; count < times; count++) await this.#write(text)
      }
      if (!flags.has('-shim-shuts-down')) await this.#echo()
    }
    await this.#shutdown()
  }

  /** Answers everything with its complement, until the end. */
  async #echo(): Promise<void> {
    const readSize = this.#request.numbers.get('-read-size')?.[0] ?? 512
    for (;;) {
      const data = await this.#read(readSize)
      if (data === undefined) return
      await this.#write(data.map((byte) => byte ^ 0xff))
      if (this.#request.flags.has('-use-exporter-between-reads')) this.#exportKeyingMaterial(32)
    }
  }

  async #read(size: number): Promise<Uint8Array | undefined> {
    try {
      const data = await this.#step(() => this.#buffer.read(size))
      return typeof data === 'string' ? undefined : data
    } catch (error) {
      // An end without close_notify is looked at where that is asked for.
      if (error instanceof RaggedEOFError && !this.#request.flags.has('-check-close-notify')) return undefined
      throw error
    }
  }

  async #write(data: Uint8Array): Promise<void> {
    for (let sent = 0; sent < data.length; ) {
      const taken = this.#buffer.write(data.subarray(sent))
      this.#flush()
      if (typeof taken === 'number') sent += taken
    }
  }

  async #shutdown(): Promise<void> {
    const { flags } = this.#request
    if (!flags.has('-check-close-notify')) return
    const result = this.#buffer.shutdown()
    this.#flush()
    if (result === 'done' || !flags.has('-shim-shuts-down')) return
    // What the peer has still to say is dropped until it closes too.
    while ((await this.#read(512)) !== undefined);
  }

  #exportKeyingMaterial(length: number): Uint8Array {
    const { flags, texts } = this.#request
    const context = flags.has('-use-export-context') ? bytesOf(texts.get('-export-context')) : undefined
    return this.#buffer.exportKeyingMaterial(texts.get('-export-label') ?? '', length, context)
  }

  /** Takes one step as often as it has to wait. */
  async #step<T>(operation: () => T): Promise<T> {
    for (;;) {
      const result = operation()
      this.#flush()
      if (result === 'want-read') await this.#receive()
      else if (result === 'paused') await this.#answer(this.#buffer.pause as PauseRequest)
      else if (result !== 'want-write') return result
    }
  }

  async #receive(): Promise<void> {
    if (this.#pending.length === 0) {
      const bytes = await this.#transport.read()
      if (bytes === undefined) {
        this.#buffer.endIncoming()
        return
      }
      this.#pending = bytes
      if (!this.#request.flags.has('-server')) this.#observe(bytes)
    }
    // One byte at a time: no message and no record ever comes whole.
    const offered = this.#request.flags.has('-async') ? this.#pending.subarray(0, 1) : this.#pending
    this.#pending = this.#pending.subarray(this.#buffer.processIncoming(offered))
  }

  async #answer(request: PauseRequest): Promise<void> {
    switch (request.kind) {
      case 'sign':
        this.#buffer.resume(await request.signer.sign(request.scheme, request.message))
        return
      case 'verify-peer': {
        const verdict = await this.#buffer.context.configuration.verifyPeer?.(request.peer)
        this.#buffer.resume(verdict ?? { accept: true })
        return
      }
      case 'choose-context':
        throw new Error('nobody asked for that')
    }
  }

  #flush(): void {
    const bytes = this.#buffer.processOutgoing()
    if (this.#request.flags.has('-server')) this.#observe(bytes)
    this.#transport.write(bytes)
  }

  #observe(bytes: Uint8Array): void {
    if (this.#greeting.length < 512) this.#greeting += hex(bytes)
  }
}

const recordSizes = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769]

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function bytesOf(text: string | undefined): Uint8Array {
  return new TextEncoder().encode(text ?? '')
}
