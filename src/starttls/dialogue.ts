import type { Talk } from './talk.ts'

/**
 * One side of what is said in plain text before TLS begins: what a client of SMTP says until it may start TLS, for example. It does no
 * I/O: it is a generator that reads like the transcript in the specification, and yields where it needs more of the peer's bytes.
 * Whoever drives it (see {@link Conversation}) counts, bounds and times what is said, and lets nothing in plain text through behind the
 * go-ahead; a dialogue need not think of it.
 */
export interface Dialogue<Options, Learned> {
  /** A short name in lower case, such as `smtp`; it is in errors. */
  readonly protocol: string
  /** Where it is written, such as `RFC 3207`. */
  readonly specification: string
  /** TCP ports on which it is usual to begin in plain text, the first being the registered one. */
  readonly ports: readonly number[]
  readonly role: 'client' | 'server'
  /** The ALPN name that a client's TLS has to be begun with, where the protocol demands one, and that a server has to know. */
  innerProtocol?(options: Options): string | undefined
  /**
   * @throws StartTLSError for a peer that does not keep to the protocol (`talk.malformed`), ConfigurationError for options that cannot be.
   */
  speak(talk: Talk, options: Options): Script<Learned>
}

/** A dialogue under way. */
export type Script<Learned> = Reading<Outcome<Learned>>

/** A part of one, which comes to a value: yields where it needs more from the peer. `yield*` calls it. */
export type Reading<Value> = Generator<undefined, Value, undefined>

/** How a dialogue ended. What does not keep to the protocol is thrown instead. */
export type Outcome<Learned> = GoAhead<Learned> | StaysPlain<Learned>

/** TLS begins with the next byte, in both directions. */
export interface GoAhead<Learned> {
  readonly kind: 'go-ahead'
  readonly learned: Learned
  /** For a protocol that carries TLS's handshake in packets of its own. */
  readonly framing?: HandshakeFraming
  /** The ALPN name that has to be negotiated, for a protocol that demands one. */
  readonly innerProtocol?: string | undefined
  /** The peer has begun with TLS already, by right: what was not read is TLS. */
  readonly hasBegun?: true
  /** What is still to be said, as the first words inside TLS. @throws StartTLSError where the peer refuses it. */
  readonly epilogue?: (talk: Talk) => Reading<void>
}

/** There is no TLS, and the connection could go on in plain text where the program allows it. */
export interface StaysPlain<Learned> {
  readonly kind: 'not-offered' | 'refused' | 'not-requested' | 'declined'
  readonly learned: Learned
  /** What happened, in words, such as `the server does not offer STARTTLS`. */
  readonly message: string
  /** What the peer said, where it said something. */
  readonly said?: string | undefined
  readonly hint?: string | undefined
}

/** Packets in which a protocol carries TLS's handshake. After the handshake, TLS is on the wire as it is. */
export interface HandshakeFraming {
  /** What goes onto the wire for a piece of TLS. */
  wrap(ciphertext: Uint8Array): Uint8Array
  /**
   * Takes what came from the wire, in pieces of any size, and gives the TLS in it.
   * @throws StartTLSError where it is not of the form.
   */
  unwrap(wire: Uint8Array): Uint8Array
}
