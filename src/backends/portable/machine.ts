/**
 * The kernel of every handshake: a diagram is data, a state is an object with one handler for each arrow that leaves it, and the
 * compiler derives from the data which handlers a state must have and which states they may return.
 *
 * Order is decided nowhere else. A message for which a state has no arrow is refused before it is even decoded.
 */

/** The arrows of a protocol: for each state, which inputs it takes and to which states each can lead. */
export type Diagram<D, Inputs> = { readonly [S in keyof D]: { readonly [I in keyof Inputs]?: readonly (keyof D)[] } }

/** States a diagram over some inputs: an unknown input or a successor that is no state does not compile. */
export function diagramOver<Inputs>(): <const D extends Diagram<D, Inputs>>(diagram: D) => D {
  return (diagram) => diagram
}

/** State `S` of diagram `D`: exactly one handler for each arrow that leaves it, each of which returns an allowed successor. */
export type StateOf<D, Inputs, S extends keyof D = keyof D> = S extends keyof D
  ? {
      readonly name: S
      readonly on: {
        readonly [I in keyof D[S] & keyof Inputs]: (
          input: Inputs[I],
        ) => StateOf<D, Inputs, (D[S][I] & readonly (keyof D)[])[number]>
      }
    }
  : never

/** A state of whatever diagram, as the connection that drives it sees it. */
export interface AnyState {
  readonly name: string
  readonly on: { readonly [input: string]: ((input: never) => AnyState) | undefined }
}

/** A decoded handshake message together with its bytes, header included, which the transcript needs. */
export interface Received<Message> {
  readonly message: Message
  readonly raw: Uint8Array
}

/** What a handshake is given besides messages. */
export interface Answers {
  /** The signature of a key that is elsewhere. */
  readonly signature: Uint8Array
  /** The application accepted the peer: a refusal never gets here. */
  readonly accepted: true
}

/** How the handshake messages of one protocol version are read: by their code, the input that each is and its decoder. */
export interface MessageReaders {
  readonly [code: number]: { readonly input: string; readonly decode: (body: Uint8Array) => unknown } | undefined
}

/** A handshake under way. */
export interface Machine {
  readonly readers: MessageReaders
  readonly state: AnyState
}
