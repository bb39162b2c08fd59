import type { PreSharedKey } from '../../config/pre-shared-key.ts'
import type { Session } from '../../config/session.ts'
import type { SigningChain } from '../../config/signing-chain.ts'
import type { HandshakeName } from './messages/handshake-type.ts'

/**
 * The kernel of every handshake: a diagram is data, a state is an object with one handler for each arrow that leaves it, and the
 * compiler derives from the data which handlers a state must have and which states they may return.
 *
 * Order is decided nowhere else. A message for which a state has no arrow is refused before it is even decoded.
 */

/** The arrows of a protocol: for each state, which inputs it takes and to which states each can lead. */
export type Diagram<D> = { readonly [S in keyof D]: { readonly [I in keyof Inputs]?: readonly (keyof D)[] } }

/**
 * A diagram that makes sense: an input that does not exist, or a successor that is no state, does not compile. Diagrams are written as
 * `{ … } as const`, and their states made from the checked form.
 */
export type Checked<D extends Diagram<D>> = D

/** State `S` of diagram `D`: exactly one handler for each arrow that leaves it, each of which returns an allowed successor. */
export type StateOf<D, S extends keyof D = keyof D> = S extends keyof D
  ? {
      readonly name: S
      readonly on: {
        readonly [I in keyof D[S] & keyof Inputs]: (
          input: Inputs[I],
        ) => StateOf<D, (D[S][I] & readonly (keyof D)[])[number]>
      }
    }
  : never

/** A state of whatever diagram, as the connection that drives it sees it. */
export interface AnyState {
  readonly name: string
  readonly on: { readonly [input: string]: ((input: never) => AnyState) | undefined }
}

/** What a handshake is given: the peer's messages, and answers from our own side. */
export type Inputs = { readonly [N in HandshakeName]: HandshakeMessage } & {
  /** TLS 1.2 alone: from here on the peer protects what it sends. */
  readonly change_cipher_spec: true
  /** The signature of a key that is elsewhere. */
  readonly signature: Uint8Array
  /** The application accepted the peer: a refusal never gets here. */
  readonly accepted: true
  /** A session from the application's cache, where it had one. */
  readonly session: Session | undefined
  /** A session from the server's store, where it had one. */
  readonly stored_session: Uint8Array | undefined
  readonly pre_shared_key: PreSharedKey | undefined
  /** What the application shows of itself, where it shows something. */
  readonly chosen: SigningChain | undefined
  /** Whether early data is seen for the first time. */
  readonly admitted: boolean
}

/** A handshake message as it came. The handler decodes it, knowing what was offered. */
export interface HandshakeMessage {
  readonly body: Uint8Array
  /** The whole message, header included: what the transcript needs. */
  readonly raw: Uint8Array
}
