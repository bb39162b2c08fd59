import type { Duplex } from 'node:stream'
import { StartTLSError, UsageError } from '../errors.ts'
import { describe } from '../starttls/talk.ts'
import { RelayStream } from './relay-stream.ts'
import { TLSSocket } from './tls-socket.ts'

/**
 * One stream to a program, over one that is plain text at first, TLS then, and perhaps plain text again. What is written while it changes
 * waits until it has.
 */
export abstract class SwitchableStream extends RelayStream {
  #tls: TLSSocket | undefined
  #isSwitching = false
  #isTaking = false
  /** Called when everything that was written before a change has gone out, with what lets the rest follow. */
  #atChange: ((goOn: () => void) => void) | undefined
  #giveUp: ((error: Error) => void) | undefined
  /** Called when TLS has said its last byte, while it is being taken off. */
  #tlsEnded: (() => void) | undefined

  constructor(below: Duplex) {
    super(below)
    this.attach(below)
  }

  /** The TLS below, with what was agreed; `undefined` in plain text. */
  get tls(): TLSSocket | undefined {
    return this.#tls
  }
  get isEncrypted(): boolean {
    return this.#tls !== undefined
  }
  /** As `isEncrypted`, by the name that `node:tls` has for it. */
  get encrypted(): boolean {
    return this.isEncrypted
  }

  /**
   * Puts what `lead` makes of the stream below in its place. It is called when everything that was written before has gone out, and gets
   * what the program has not read.
   */
  protected async change<Result extends { readonly socket: Duplex }>(
    what: string,
    lead: (below: Duplex, unread: Uint8Array) => Promise<Result>,
  ): Promise<Result> {
    if (this.#tls !== undefined) throw new UsageError(`${what}: the socket is encrypted already`)
    this.#requireIdle(what)
    const below = this.transport
    const fail = (error: Error): void => void this.destroy(error)
    // At once: what comes from here on must not reach the program as plain text.
    this.detach()
    const unread = this.#takeUnread(below)
    below.on('error', fail)
    const goOn = await this.#reachChange()
    return this.#settle(async () => {
      below.off('error', fail)
      const result = await lead(below, unread)
      this.#follow(result.socket, goOn)
      return result
    })
  }

  /** Refuses what a program has not read of plain text before TLS begins; a server may have heard the first message of TLS already. */
  protected requireNothingUnread(below: Duplex, unread: Uint8Array, isServer: boolean): void {
    if (unread.length === 0) return
    if (isServer && unread[0] === handshakeRecord) {
      below.unshift(unread)
      return
    }
    const message = `${unread.length} bytes of plain text were not read when TLS was to begin`
    throw new StartTLSError('ERR_TLS_STARTTLS_INJECTION', 'upgrade', message, {
      said: describe(unread),
      hint: 'whoever may have put them behind the go-ahead wants them taken for what came through TLS',
    })
  }

  /**
   * Ends TLS, and goes on in plain text: as `TLSSocket.unwrap`. Both sides call it where their protocol says so, as soon as they have read
   * or written the word for it, after awaiting nothing but that: a close_notify that comes long before is the end of this stream.
   */
  async unwrap(): Promise<void> {
    const tls = this.#tls
    if (tls === undefined) throw new UsageError('unwrap: the socket is not encrypted')
    this.#requireIdle('unwrap')
    // From here on: the peer's close_notify may come before ours has gone out.
    const ended = new Promise<void>((resolve) => {
      this.#tlsEnded = resolve
    })
    const goOn = await this.#reachChange()
    await this.#settle(async () => {
      const [plain] = await Promise.all([tls.unwrap(), ended])
      this.detach()
      this.#follow(plain, goOn)
    })
  }

  protected override belowEnded(): void {
    if (this.#tls === undefined || this.#tlsEnded !== undefined) this.#ended()
    // Close_notify may come in one piece with the word for `unwrap`, and who waits for that by promises hears of it behind this turn.
    else setImmediate(() => this.#ended())
  }

  #ended(): void {
    if (this.#tlsEnded !== undefined) this.#tlsEnded()
    else if (!this.destroyed) super.belowEnded()
  }

  override _write(chunk: Uint8Array, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (chunk === changeMark && this.#atChange !== undefined) this.#atChange(callback)
    else super._write(chunk, encoding, callback)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#giveUp?.(error ?? new UsageError('the socket was closed'))
    super._destroy(error, callback)
  }

  /** What is taken from the program's reach is not for its listeners. */
  override emit(event: string | symbol, ...values: unknown[]): boolean {
    return this.#isTaking && event === 'data' ? false : super.emit(event, ...values)
  }

  #requireIdle(what: string): void {
    if (this.#isSwitching) throw new UsageError(`${what}: the socket is changing already`)
    if (this.destroyed || this.writableEnded || this.readableEnded) {
      throw new UsageError(`${what}: the socket is not open`)
    }
  }

  #reachChange(): Promise<() => void> {
    this.#isSwitching = true
    return new Promise((resolve, reject) => {
      this.#giveUp = reject
      this.#atChange = resolve
      // In its place behind what was written before; what is written after it waits.
      this.write(changeMark)
    })
  }

  async #settle<Result>(step: () => Promise<Result>): Promise<Result> {
    try {
      return await step()
    } catch (error) {
      this.destroy(error as Error)
      throw error
    } finally {
      this.#isSwitching = false
      this.#atChange = undefined
      this.#giveUp = undefined
      this.#tlsEnded = undefined
    }
  }

  #follow(stream: Duplex, goOn: () => void): void {
    if (this.destroyed) {
      stream.destroy()
      return
    }
    this.#tls = stream instanceof TLSSocket ? stream : undefined
    this.attach(stream)
    goOn()
  }

  #takeUnread(below: Duplex): Uint8Array {
    this.#isTaking = true
    const own: Uint8Array | null = this.read()
    this.#isTaking = false
    const ahead: Uint8Array | null = below.read()
    return Buffer.concat([own ?? new Uint8Array(0), ahead ?? new Uint8Array(0)])
  }
}

const changeMark = Buffer.alloc(0)

/** The type of the records in which TLS begins. RFC 9846, Section 5.1. */
const handshakeRecord = 22
