import {
  type Backend,
  type PauseAnswer,
  type PauseRequest,
  RaggedEOFError,
  type ServerContext,
  type TLSBuffer,
  type TLSClientConfiguration,
  type TLSServerConfiguration,
} from 'polytls'
import { helloRetryRequestRandom } from '#polytls/backends/portable/messages/server-hello.js'
import { FirstMessage } from '#polytls/codec/first-message.js'
import { initialWrite, type Prepared, prepare } from './configuration.ts'
import type { Continuity } from './continuity.ts'
import { checkFacts, checkSessions } from './expectations.ts'
import type { Request } from './flags.ts'
import { Transport } from './transport.ts'

/** Connects to the runner, speaks with it, and checks what it wants to have checked. */
export async function runExchange(backend: Backend, request: Request, test: Continuity): Promise<void> {
  const prepared = prepare(backend, request, test)
  const { buffer, shown } = prepared
  const transport = await Transport.connect(request.host, request.port)
  const id = new DataView(new ArrayBuffer(8))
  id.setBigUint64(0, request.shimId, true)
  transport.write(new Uint8Array(id.buffer))
  const exchange = new Exchange(request, prepared, transport)
  try {
    await exchange.handshake()
    checkFacts(exchange.request, buffer.facts, {
      credential: shown(),
      helloRetryRequest: exchange.sawHelloRetryRequest,
      // The noble provider has no instructions to use.
      prefersAES: backend.version === 'with node',
      storedSessions: test.storedSessions,
    })
    const fromHandshake = buffer.takeSessions()
    await exchange.talk()
    const sessions = [...fromHandshake, ...buffer.takeSessions()]
    if (!request.flags.has('-server')) checkSessions(exchange.request, buffer.facts, fromHandshake, sessions)
    test.keep(sessions.at(-1))
    await exchange.shutdown()
  } finally {
    // An alert may be among it.
    transport.write(buffer.processOutgoing())
    await transport.close()
  }
  const [seconds] = exchange.request.numbers.get('-resumption-delay') ?? []
  // A client claims a millisecond less than it has counted, and the runner wants to hear whole seconds.
  if (seconds !== undefined) test.advance(1000 * seconds + (request.flags.has('-server') ? 0 : 1))
}

class Exchange {
  #request: Request
  readonly #buffer: TLSBuffer
  readonly #transport: Transport
  readonly #earlyData: Uint8Array | undefined
  /** What is said before anything was read, as far as it was not said yet. */
  #firstWords: Uint8Array
  /** What the transport does not take yet. */
  #held: Uint8Array | undefined
  /** What came and was not taken yet. */
  #pending: Uint8Array = new Uint8Array(0)
  /** What the server says first. */
  readonly #greeting = new FirstMessage()

  constructor(request: Request, { buffer, earlyData }: Prepared, transport: Transport) {
    this.#request = request
    this.#buffer = buffer
    this.#transport = transport
    this.#earlyData = earlyData
    this.#firstWords = firstWordsOf(request)
  }

  /** What holds now: behind early data that was rejected it is something else. */
  get request(): Request {
    return this.#request
  }

  /** No fact says so, but its random cannot be mistaken. */
  get sawHelloRetryRequest(): boolean {
    const hello = this.#greeting.read(serverHelloType, 0xffff)
    return typeof hello !== 'string' && hex(hello).includes(hex(helloRetryRequestRandom))
  }

  async handshake(): Promise<void> {
    const { flags, retry } = this.#request
    const again = flags.has('-handshake-twice') || flags.has('-no-op-extra-handshake')
    for (let count = 0; count < (again ? 2 : 1); count++) {
      const result = await this.#step(() => {
        const result = this.#buffer.handshake()
        if (flags.has('-enable-early-data') && flags.has('-server')) this.#echoEarlyData()
        return result
      })
      if (result === 'closed') throw new RaggedEOFError('handshake')
    }
    const { earlyData } = this.#buffer.facts
    if (earlyData === 'accepted' && !flags.has('-server'))
      this.#firstWords = this.#firstWords.subarray(this.#earlyData?.length)
    if (earlyData === 'rejected' && !flags.has('-server') && retry !== undefined) {
      if (!flags.has('-expect-reject-early-data')) throw new Error('the early data was rejected')
      this.#request = retry
      this.#firstWords = firstWordsOf(retry)
    }
  }

  async talk(): Promise<void> {
    const { flags, numbers } = this.#request
    const length = numbers.get('-export-keying-material')?.[0] ?? 0
    if (length > 0) await this.#write(this.#exportKeyingMaterial(length))
    if (flags.has('-write-different-record-sizes')) {
      for (const size of recordSizes) await this.#write(new Uint8Array(size).fill(0x42))
      return
    }
    const times = numbers.get('-repeat-shim-initial-write')?.[0] ?? 1
    const size = Math.max(1, Math.floor(initialWrite(this.#request).length / times))
    if (flags.has('-read-with-unfinished-write')) this.#held = new Uint8Array(0)
    for (let at = 0; at < this.#firstWords.length; at += size)
      await this.#write(this.#firstWords.subarray(at, at + size))
    if (!flags.has('-shim-shuts-down')) await this.#echo()
  }

  /** A server answers early data before the handshake is done, with what it has to say first in front. */
  #echoEarlyData(): void {
    for (;;) {
      const data = this.#buffer.readEarlyData(512)
      if (typeof data === 'string') return
      for (const answer of [this.#firstWords, data.map((byte) => byte ^ 0xff)]) {
        const taken = this.#buffer.writeEarlyData(answer)
        if (taken !== answer.length) throw new Error('an answer to early data was not taken')
      }
      this.#firstWords = new Uint8Array(0)
    }
  }

  /** Answers everything with its complement, until the end. */
  async #echo(): Promise<void> {
    const readSize = this.#request.numbers.get('-read-size')?.[0] ?? 512
    const { flags } = this.#request
    for (;;) {
      if (flags.has('-key-update-before-read')) this.#updateKeys()
      const data = await this.#read(readSize)
      if (data === undefined) return
      this.#release()
      if (flags.has('-key-update')) this.#updateKeys()
      await this.#write(data.map((byte) => byte ^ 0xff))
      if (flags.has('-use-exporter-between-reads')) this.#exportKeyingMaterial(32)
    }
  }

  #updateKeys(): void {
    this.#buffer.updateKeys()
    this.#flush()
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

  async shutdown(): Promise<void> {
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
    const { configuration } = this.#buffer.context
    this.#buffer.resume(await answerTo(request, configuration).catch((failed: unknown) => ({ failed })))
  }

  #flush(): void {
    const bytes = this.#buffer.processOutgoing()
    if (this.#request.flags.has('-server')) this.#observe(bytes)
    if (this.#held !== undefined) this.#held = Buffer.concat([this.#held, bytes])
    else this.#transport.write(bytes)
  }

  /** What was held back goes out, where something was. */
  #release(): void {
    this.#transport.write(this.#held ?? new Uint8Array(0))
    this.#held = undefined
  }

  #observe(bytes: Uint8Array): void {
    if (this.#greeting.received.length < 0xffff) this.#greeting.add(bytes)
  }
}

/** What is said before anything was read. */
function firstWordsOf(request: Request): Uint8Array {
  const speaks = request.flags.has('-shim-writes-first') || request.flags.has('-read-with-unfinished-write')
  return speaks ? initialWrite(request) : new Uint8Array(0)
}

async function answerTo(
  request: PauseRequest,
  configuration: TLSClientConfiguration | TLSServerConfiguration,
): Promise<PauseAnswer> {
  switch (request.kind) {
    case 'sign':
      return request.signer.sign(request.scheme, request.message)
    case 'verify-peer':
      return (await configuration.verifyPeer?.(request.peer)) ?? { accept: true }
    case 'choose-context':
      return (configuration as TLSServerConfiguration).chooseContext?.(request.clientHello) as ServerContext | undefined
    case 'get-session':
      return request.store.get(request.id, { once: request.once })
    case 'admit-early-data':
      return request.guard.admit(request.identifier, request.expiresAtMilliseconds)
    case 'find-pre-shared-key':
      return (configuration as TLSServerConfiguration).findPreSharedKey?.(request.identity)
    case 'choose-certificate':
      return (configuration as TLSClientConfiguration).chooseCertificate?.(request.request)
    case 'take-session':
      throw new Error('a session is given, and not looked for')
  }
}

/** RFC 9846, Section 4. */
const serverHelloType = 2
const recordSizes = [0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769]

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function bytesOf(text: string | undefined): Uint8Array {
  return new TextEncoder().encode(text ?? '')
}
