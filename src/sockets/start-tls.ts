import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { NegotiationError, StartTLSError } from '../errors.ts'
import { Conversation } from '../starttls/conversation.ts'
import type { Dialogue, GoAhead, HandshakeFraming } from '../starttls/dialogue.ts'
import type { Surroundings } from '../starttls/talk.ts'
import { requireUsable } from './connect.ts'
import { type Held, holdConversation } from './dialogue-driver.ts'
import { FramedStream } from './framed-stream.ts'
import type { TLSSocket } from './tls-socket.ts'
import { makeFresh } from './transport.ts'

/** What became of a connection that began in plain text. */
export type Started<Learned> = StartedTLS<Learned> | StayedPlain<Learned>

/** It is secured. */
export interface StartedTLS<Learned> {
  readonly isEncrypted: true
  readonly socket: TLSSocket
  /** What the dialogue learned, all of it in plain text: whoever was on the way may have said it. */
  readonly learned: Learned
  readonly reason?: undefined
}

/** It is not, and the program has said that it may stay so. */
export interface StayedPlain<Learned> {
  readonly isEncrypted: false
  /** The stream that was given, where the dialogue has left it; after a failed handshake, the one of `reconnect`. */
  readonly socket: Duplex
  readonly learned: Learned
  /** Why it is not encrypted: a StartTLSError, or what the handshake failed with. */
  readonly reason: Error
}

/** All that it takes to start TLS on a stream. */
export interface Start<Options, Learned> {
  readonly dialogue: Dialogue<Options, Learned>
  readonly options: Options
  readonly surroundings: Surroundings
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal | undefined
  readonly opportunistic: boolean
  /** A new connection to the same peer, where a failed handshake is accepted. */
  readonly reconnect?: (() => Duplex | PromiseLike<Duplex>) | undefined
  /** Makes the stream a TLS socket. */
  secure(stream: Duplex): TLSSocket
}

/**
 * Leads a connection from plain text into TLS.
 * @throws StartTLSError for what goes wrong before TLS; what goes wrong in TLS otherwise. The stream is closed then.
 */
export async function startTlsOn<Options, Learned>(
  stream: Duplex,
  start: Start<Options, Learned>,
): Promise<Started<Learned>> {
  requireUsable(stream)
  const { dialogue, opportunistic, reconnect, signal } = start
  const { outcome, behind } = await talkOn(stream, start, opportunistic ? 'optional' : 'required')
  if (outcome.kind !== 'go-ahead') {
    const reason = reasonOf(outcome, dialogue.protocol)
    if (opportunistic) return plain(stream, { outcome, behind }, reason)
    stream.destroy()
    throw reason
  }
  if (behind.length > 0) stream.unshift(behind)
  const socket = secureIn(outcome.framing, stream, start)
  try {
    await socket.secured()
    requireInnerProtocol(socket, outcome)
  } catch (error) {
    if (reconnect === undefined || signal?.aborted) throw error
    return startAgain(error as Error, await reconnect(), start)
  }
  return { isEncrypted: true, socket: await sayEpilogue(socket, outcome, start), learned: outcome.learned }
}

function secureIn<Options, Learned>(
  framing: HandshakeFraming | undefined,
  stream: Duplex,
  { secure }: Start<Options, Learned>,
): TLSSocket {
  if (framing === undefined) return secure(stream)
  const framed = new FramedStream(stream, framing)
  return secure(framed).once('secureConnect', () => framed.unframe())
}

/** Goes up to where TLS could be asked for, and does not ask: for the handshake has failed before. */
async function startAgain<Options, Learned>(
  failure: Error,
  stream: Duplex,
  start: Start<Options, Learned>,
): Promise<StayedPlain<Learned>> {
  requireUsable(stream)
  const held = await talkOn(stream, start, 'declined')
  if (held.outcome.kind !== 'go-ahead') return plain(stream, held, failure)
  stream.destroy()
  throw failure
}

function talkOn<Options, Learned>(
  stream: Duplex,
  { dialogue, options, surroundings, timeoutMilliseconds, signal }: Start<Options, Learned>,
  tls: 'required' | 'optional' | 'declined',
): Promise<Held<Learned>> {
  const begin = (): Conversation<Options, Learned> => {
    const { localAddress } = stream as Partial<Socket>
    return new Conversation(dialogue, options, { localAddress, ...surroundings, tls })
  }
  return holdConversation(stream, begin, { protocol: dialogue.protocol, timeoutMilliseconds, signal })
}

function reasonOf({ kind, message, said, hint }: StaysPlain, protocol: string): StartTLSError {
  return new StartTLSError(codes[kind], protocol, message, { said, hint })
}
type StaysPlain = Exclude<Held<unknown>['outcome'], { readonly kind: 'go-ahead' }>

const codes = {
  'not-offered': 'ERR_TLS_STARTTLS_NOT_OFFERED',
  refused: 'ERR_TLS_STARTTLS_REFUSED',
  'not-requested': 'ERR_TLS_STARTTLS_NOT_REQUESTED',
  declined: 'ERR_TLS_STARTTLS_NOT_REQUESTED',
} as const

async function plain<Learned>(
  stream: Duplex,
  { outcome, behind }: Held<Learned>,
  reason: Error,
): Promise<StayedPlain<Learned>> {
  await fresh(stream, behind)
  return { isEncrypted: false, socket: stream, learned: outcome.learned, reason }
}

function fresh(stream: Duplex, behind: Uint8Array): Promise<void> {
  return new Promise((resolve) => makeFresh(stream, behind, resolve))
}

/** Where a protocol demands its ALPN name, a peer that does not name it may be of another one, to which somebody has led us. */
function requireInnerProtocol(socket: TLSSocket, { innerProtocol }: GoAhead<unknown>): void {
  if (innerProtocol === undefined || socket.facts.innerProtocol === innerProtocol) return
  const error = new NegotiationError(
    'inner-protocol',
    `the peer did not agree to the protocol ${innerProtocol} (ALPN), which has to be`,
  )
  socket.destroy()
  throw error
}

async function sayEpilogue<Options, Learned>(
  socket: TLSSocket,
  { epilogue }: GoAhead<Learned>,
  { dialogue, surroundings, timeoutMilliseconds, signal }: Start<Options, Learned>,
): Promise<TLSSocket> {
  if (epilogue === undefined) return socket
  const { protocol, specification, ports, role } = dialogue
  const inside: Dialogue<undefined, undefined> = {
    protocol,
    specification,
    ports,
    role,
    *speak(talk) {
      yield* epilogue(talk)
      return { kind: 'go-ahead', learned: undefined }
    },
  }
  const begin = (): Conversation<undefined, undefined> =>
    new Conversation(inside, undefined, { ...surroundings, plainTextFollows: true })
  const { behind } = await holdConversation(socket, begin, { protocol, timeoutMilliseconds, signal })
  await fresh(socket, behind)
  return socket
}
