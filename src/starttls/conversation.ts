import { DecodeError } from '../codec/decode-error.ts'
import { StartTLSError } from '../errors.ts'
import type { Dialogue, Outcome, Reading } from './dialogue.ts'
import { describe, type Surroundings, Talk } from './talk.ts'

/** How a conversation is held, beside what it is about. */
export interface ConversationOptions extends Surroundings {
  /**
   * What follows the go-ahead may be plain text, as behind a proxy's answer: it is kept in `unread`. Without it that is an error, for
   * TLS is to follow, and only who wants to cheat says more. Default: false.
   */
  readonly plainTextFollows?: boolean | undefined
}

/**
 * A dialogue being held: bytes in, bytes out, and an outcome at the end. It has no clock: its owner limits the time. Everything that
 * fails throws StartTLSError, and what has failed stays failed.
 */
export class Conversation<Options, Learned> {
  readonly dialogue: Dialogue<Options, Learned>
  readonly #talk: Talk
  readonly #options: ConversationOptions
  readonly #reading: Reading<Outcome<Learned>>
  #outcome: Outcome<Learned> | undefined
  #failure: Error | undefined

  /** Begins: there may be something to send at once. */
  constructor(dialogue: Dialogue<Options, Learned>, options: Options, surroundings: ConversationOptions = {}) {
    if (typeof dialogue?.speak !== 'function') throw new TypeError('dialogue: expected a Dialogue')
    if (typeof surroundings !== 'object' || surroundings === null || Array.isArray(surroundings))
      throw new TypeError('surroundings: expected an object')
    if (surroundings.trace !== undefined && typeof surroundings.trace !== 'function')
      throw new TypeError('trace: expected a function')
    this.dialogue = dialogue
    this.#options = surroundings
    this.#talk = new Talk(dialogue.protocol, dialogue.role, surroundings)
    this.#reading = dialogue.speak(this.#talk, options)
    this.#advance()
  }

  /** `undefined` as long as more of the peer's bytes are needed. */
  get outcome(): Outcome<Learned> | undefined {
    return this.#outcome
  }

  /** Takes what the peer sent. @throws StartTLSError */
  receive(bytes: Uint8Array): void {
    if (!(bytes instanceof Uint8Array)) throw new TypeError('receive: expected a Uint8Array')
    if (this.#failure !== undefined) throw this.#failure
    if (this.#outcome !== undefined) {
      this.#talk.hearMore(bytes)
      this.#requireSilence(this.#outcome)
      return
    }
    try {
      this.#talk.hear(bytes)
    } catch (thrown) {
      throw this.#failed(thrown)
    }
    this.#advance()
  }

  /** The peer will say no more. @throws StartTLSError where the conversation is not over yet. */
  end(): void {
    if (this.#failure !== undefined) throw this.#failure
    this.#talk.hearEnd()
    if (this.#outcome === undefined) this.#advance()
  }

  /** Takes what is to be sent; also after a failure, for the peer may be told of it. */
  takeOutgoing(): Uint8Array {
    return this.#talk.takeOutgoing()
  }

  /** Takes what came behind the end of the dialogue; it is for whoever speaks with the peer next. */
  takeUnread(): Uint8Array {
    return this.#talk.takeUnread()
  }

  #advance(): void {
    try {
      const step = this.#reading.next()
      if (step.done !== true) return
      this.#outcome = step.value
    } catch (thrown) {
      throw this.#failed(thrown)
    }
    this.#requireSilence(this.#outcome)
  }

  /**
   * The injection that every implementation of STARTTLS has had: what stands behind the go-ahead in plain text would be read as if it had
   * come through TLS. A client hears nothing behind the go-ahead, for TLS begins with its own message; a server nothing behind the
   * request, for the client has to wait for the answer.
   */
  #requireSilence(outcome: Outcome<Learned>): void {
    const { unread } = this.#talk
    const mayFollow =
      outcome.kind !== 'go-ahead' || outcome.hasBegun === true || this.#options.plainTextFollows === true
    if (mayFollow || unread.length === 0) return
    const { protocol, role } = this.dialogue
    // No go-ahead either.
    this.#talk.takeOutgoing()
    throw this.#failed(
      new StartTLSError(
        'ERR_TLS_STARTTLS_INJECTION',
        protocol,
        `${unread.length} bytes of plain text came ${role === 'client' ? 'behind the go-ahead' : 'behind the request'} for TLS`,
        {
          said: describe(unread),
          hint: 'somebody on the way may have put them there, to have them taken for what came through TLS; or the peer is broken',
        },
      ),
    )
  }

  #failed(thrown: unknown): Error {
    const failure =
      thrown instanceof DecodeError
        ? this.#talk.malformed(`a message of ${this.dialogue.protocol}`, undefined, thrown)
        : thrown
    this.#failure = failure as Error
    return this.#failure
  }
}
