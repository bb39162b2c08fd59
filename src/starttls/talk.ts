import { StartTLSError } from '../errors.ts'
import type { Reading } from './dialogue.ts'
import { Heard } from './heard.ts'

/** What a conversation is about, for a dialogue to make use of. */
export interface Surroundings {
  /** Whom the certificate will have to be for; the default of names that a protocol asks for. */
  readonly serverName?: string | undefined
  /** Our address on this connection. */
  readonly localAddress?: string | undefined
  /**
   * `required`: without TLS the conversation is of no use. `optional`: what cannot be secured goes on in plain text. `declined`: a client
   * does not ask for TLS, though it may be offered; it tried before, and the handshake failed.
   * Default: `required`.
   */
  readonly tls?: 'required' | 'optional' | 'declined' | undefined
  /** Is told everything that is said, line by line, for a person to read; never a secret. */
  readonly trace?: ((from: 'client' | 'server', text: string) => void) | undefined
}

/** What a peer may say before TLS begins, all in all. An honest one stays far below. */
export const dialogueLimits: {
  readonly bytes: number
  readonly lines: number
  readonly lineBytes: number
} = { bytes: 128 * 1024, lines: 1000, lineBytes: 8 * 1024 }

/** Where a dialogue speaks and listens. */
export class Talk {
  readonly protocol: string
  readonly surroundings: Surroundings
  readonly #us: 'client' | 'server'
  /** Who is at the other end. */
  readonly peer: 'client' | 'server'
  readonly #heard = new Heard()
  #heardBytes = 0
  #lines = 0
  #lastLine: Uint8Array = new Uint8Array(0)
  #ended = false
  #outgoing: Uint8Array[] = []

  /** A {@link Conversation} makes it. @internal */
  constructor(protocol: string, role: 'client' | 'server', surroundings: Surroundings) {
    this.protocol = protocol
    this.#us = role
    this.peer = role === 'client' ? 'server' : 'client'
    this.surroundings = surroundings
  }

  // ── for dialogues ──

  /** What to do about TLS: see `Surroundings`. */
  get tls(): 'required' | 'optional' | 'declined' {
    return this.surroundings.tls ?? 'required'
  }

  /** What was heard and not yet read. */
  get unread(): Uint8Array {
    return this.#heard.unread
  }

  /**
   * Says something; text goes out as UTF-8. `shown` is what a person gets to see of it where that is not the text itself: for bytes, and
   * for what holds secrets.
   */
  say(what: string | Uint8Array, shown?: string): void {
    this.#outgoing.push(bytesOf(what))
    this.note(this.#us, shown ?? (typeof what === 'string' ? what : `${what.length} bytes`))
  }

  /** Shows a person what was said, where it is no line of text. */
  note(from: 'client' | 'server', text: string): void {
    const { trace } = this.surroundings
    if (trace === undefined) return
    for (const line of text.replace(/\r?\n$/, '').split(/\r?\n/)) trace(from, line)
  }

  /** The next line, without its end. Some peers end lines by LF alone. `shown` is what a person gets to see of it: not a password. */
  *line(shown: (line: string) => string = (line) => line): Reading<string> {
    let end = this.unread.indexOf(LF)
    while (end < 0) {
      const from = this.#heard.length
      if (from > dialogueLimits.lineBytes) break
      yield* this.more()
      end = this.unread.indexOf(LF, from)
    }
    if (end < 0 || end > dialogueLimits.lineBytes) {
      throw this.#tooMuch(`a line of more than ${dialogueLimits.lineBytes} bytes`)
    }
    if (++this.#lines > dialogueLimits.lines) throw this.#tooMuch(`more than ${dialogueLimits.lines} lines`)
    const whole = this.#heard.take(end + 1)
    this.#lastLine = whole
    const line = whole.subarray(0, whole[end - 1] === CR ? end - 1 : end)
    const text = new TextDecoder().decode(line)
    // Neither is text, and terminals and logs take them for more than they are.
    if (line.includes(CR) || line.includes(0)) throw this.malformed('a line of text', text)
    this.note(this.peer, shown(text))
    return text
  }

  /** Exactly so many bytes. */
  *take(length: number): Reading<Uint8Array> {
    yield* this.peek(length)
    return this.#heard.take(length)
  }

  /** Waits until there are so many bytes to look at, and leaves them unread. */
  *peek(length: number): Reading<Uint8Array> {
    if (length > dialogueLimits.bytes) throw this.#tooMuch(`a message of ${length} bytes`)
    while (this.#heard.length < length) yield* this.more()
    return this.unread.subarray(0, length)
  }

  /** Waits for more than is unread. */
  *more(): Reading<void> {
    const { length } = this.#heard
    while (this.#heard.length === length) {
      if (this.#ended) throw this.#endedEarly()
      yield
    }
  }

  /** Leaves what was read for whoever reads next. */
  putBack(bytes: Uint8Array): void {
    this.#heard.putBack(bytes)
  }

  /** Leaves the last line for whoever reads next, with its end. */
  putBackLine(): void {
    this.putBack(this.#lastLine)
  }

  /** What the peer said is not of the protocol: an error to throw. */
  malformed(expected: string, said: string = describe(this.unread), cause?: unknown): StartTLSError {
    const message = `expected ${expected}, the ${this.peer} said`
    return new StartTLSError('ERR_TLS_STARTTLS_MALFORMED', this.protocol, message, {
      said,
      hint: `is it ${this.protocol} that the ${this.peer} speaks on this port, and in plain text at first?`,
      cause,
    })
  }

  /** The peer said no where there is no going on without it: an error to throw. */
  refused(message: string, said?: string, hint?: string): StartTLSError {
    return new StartTLSError('ERR_TLS_STARTTLS_REFUSED', this.protocol, message, { said, hint })
  }

  /** As a server: the client has left without asking for TLS: an error to throw. */
  notRequested(message: string): StartTLSError {
    return new StartTLSError('ERR_TLS_STARTTLS_NOT_REQUESTED', this.protocol, message)
  }

  // ── for whoever drives it ──

  /** @internal */
  hear(bytes: Uint8Array): void {
    this.#heardBytes += bytes.length
    if (this.#heardBytes > dialogueLimits.bytes) throw this.#tooMuch(`more than ${dialogueLimits.bytes} bytes`)
    this.#heard.add(bytes)
  }

  /** What comes behind the end of the dialogue: no limit of ours concerns it. @internal */
  hearMore(bytes: Uint8Array): void {
    this.#heard.add(bytes)
  }

  /** @internal */
  hearEnd(): void {
    this.#ended = true
  }

  /** Takes what is to be sent. @internal */
  takeOutgoing(): Uint8Array {
    const parts = this.#outgoing
    this.#outgoing = []
    return joined(parts)
  }

  /** Takes what was heard and not read. @internal */
  takeUnread(): Uint8Array {
    return this.#heard.take(this.#heard.length)
  }

  #endedEarly(): StartTLSError {
    const { unread } = this
    const within = unread.length > 0
    const message = `the connection ended before TLS could begin${within ? ', in the middle of' : ''}`
    return new StartTLSError('ERR_TLS_STARTTLS_ENDED', this.protocol, message, {
      said: within ? describe(unread) : undefined,
      hint: `the ${this.peer} may not want to speak with us, or speak something else on this port`,
    })
  }

  #tooMuch(what: string): StartTLSError {
    const message = `the ${this.peer} sent ${what} before TLS could begin`
    return new StartTLSError('ERR_TLS_STARTTLS_LIMIT', this.protocol, message, {
      hint: 'it may speak something else on this port',
    })
  }
}

/** Bytes for a person to read: as text where they are some, else in hexadecimal. */
export function describe(bytes: Uint8Array): string {
  const some = bytes.subarray(0, 100)
  if (some.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === CR || byte === LF || byte === 0x09)) {
    return new TextDecoder().decode(some)
  }
  return Array.from(some.subarray(0, 32), (byte) => byte.toString(16).padStart(2, '0')).join(' ')
}

function bytesOf(what: string | Uint8Array): Uint8Array {
  return typeof what === 'string' ? new TextEncoder().encode(what) : what
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  const all = new Heard()
  for (const part of parts) all.add(part)
  return all.unread
}

const CR = 0x0d
const LF = 0x0a
