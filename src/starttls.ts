import type { Duplex } from 'node:stream'
import type { ClientBufferOptions } from './channel/context.ts'
import { parseServerName } from './channel/server-name.ts'
import {
  optionalBoolean,
  optionalFunction,
  optionalObject,
  optionalWhole,
  requireFunction,
  requireObject,
} from './config/arguments.ts'
import { typeOf } from './config/source.ts'
import { ConfigurationError } from './errors.ts'
import { type ClientSetup, clientContextOf, type ServerSetup, serverContextOf } from './setups.ts'
import {
  requireServerName,
  requireSocketOptions,
  requireUsable,
  upgradeClient,
  upgradeServer,
} from './sockets/connect.ts'
import { defaultDialogueTimeoutMilliseconds } from './sockets/dialogue-driver.ts'
import { type Started, type StartedTLS, startTlsOn } from './sockets/start-tls.ts'
import type { TLSSocketOptions } from './sockets/tls-socket.ts'
import type { Dialogue } from './starttls/dialogue.ts'
import { type ClientDialogues, clientDialogues, type ServerDialogues, serverDialogues } from './starttls/dialogues.ts'

export { defaultDialogueTimeoutMilliseconds } from './sockets/dialogue-driver.ts'
export type { Started, StartedTLS, StayedPlain } from './sockets/start-tls.ts'
/** How to come from plain text to TLS, beside TLS's own configuration and what the protocol asks for. */
export interface StartTLSConduct extends TLSSocketOptions {
  /**
   * Whether the connection may stay in plain text: never (`false`, the default); where the peer does not offer TLS, refuses it, or as a
   * client does not ask for it (`true`); and as a client also where the handshake fails, which includes a peer that cannot prove who it is
   * (`'accept-failed-handshake'`, which needs `reconnect`). Whoever is on the way can bring all of this about, and read and change what is
   * said then.
   */
  readonly opportunistic?: boolean | 'accept-failed-handshake' | undefined
  /** Gives another connection to the same peer, for after a failed handshake has made the first one useless. */
  readonly reconnect?: (() => Duplex | PromiseLike<Duplex>) | undefined
  /** How long what is said in plain text may take, in milliseconds; then the handshake has its own time. Default: 30,000. */
  readonly dialogueTimeoutMilliseconds?: number | undefined
  /** Is told what both sides say in plain text, line by line, without secrets. */
  readonly trace?: ((from: 'client' | 'server', text: string) => void) | undefined
}

/** What a dialogue wants to know, where it wants to know something. */
export type DialogueSetup<Options> =
  Record<never, never> extends Options ? { readonly dialogue?: Options | undefined } : { readonly dialogue: Options }

/** How `startTls` comes to TLS: the conduct of the dialogue, what the protocol has to know, and whom to expect. */
export type StartTLSOptions<Options> = StartTLSConduct &
  DialogueSetup<Options> &
  ClientSetup &
  Pick<ClientBufferOptions, 'session'> & {
    /** The name or address that the certificate has to be for; `undefined` checks none, and then the trust store alone decides. */
    readonly serverName: string | undefined
    /** Which service of the host this is: sessions of one are not offered to another. Default: the protocol's name. */
    readonly service?: string | undefined
  }

/** How `startTlsServer` comes to TLS. */
export type StartTLSServerOptions<Options> = Omit<StartTLSConduct, 'opportunistic' | 'reconnect'> &
  DialogueSetup<Options> &
  ServerSetup & {
    /** Whether a client may go on in plain text. Default: false. */
    readonly opportunistic?: boolean | undefined
  }

/** A protocol that this package knows, by name, or a dialogue of one's own. */
export type ClientProtocol = keyof ClientDialogues | Dialogue<never, unknown>
/** A protocol that this package serves, by name, or a dialogue of one's own. */
export type ServerProtocol = keyof ServerDialogues | Dialogue<never, unknown>

type ClientDialogueOf<P extends ClientProtocol> = P extends keyof ClientDialogues ? ClientDialogues[P] : P
type ServerDialogueOf<P extends ServerProtocol> = P extends keyof ServerDialogues ? ServerDialogues[P] : P
/** What a client has to say for a protocol, in `dialogue`. */
export type ClientProtocolOptions<P extends ClientProtocol> = OptionsOf<ClientDialogueOf<P>>
/** What a client learns by a protocol. */
export type ClientLearned<P extends ClientProtocol> = LearnedOf<ClientDialogueOf<P>>
/** What a server has to say for a protocol, in `dialogue`. */
export type ServerProtocolOptions<P extends ServerProtocol> = OptionsOf<ServerDialogueOf<P>>
/** What a server learns by a protocol. */
export type ServerLearned<P extends ServerProtocol> = LearnedOf<ServerDialogueOf<P>>

type OptionsOf<D> = D extends Dialogue<infer Options, unknown> ? Options : never
type LearnedOf<D> = D extends Dialogue<never, infer Learned> ? Learned : never

/**
 * Leads a connection that begins in plain text into TLS, as its client: says what the protocol wants said, and speaks TLS from the point
 * on where the server agrees. Resolves when the connection is secured, or, where `opportunistic` allows it, in plain text; `isEncrypted`
 * tells which, and `reason` why. When it fails, the stream is closed.
 * @throws ConfigurationError for options that cannot be; StartTLSError for what goes wrong before TLS, in `code` whether TLS was not
 * offered, refused, and so on; as `upgrade` for what goes wrong in TLS.
 */
export async function startTls<P extends ClientProtocol>(
  stream: Duplex,
  protocol: P,
  options: StartTLSOptions<ClientProtocolOptions<P>> & { readonly opportunistic?: false | undefined },
): Promise<StartedTLS<ClientLearned<P>>>
export async function startTls<P extends ClientProtocol>(
  stream: Duplex,
  protocol: P,
  options: StartTLSOptions<ClientProtocolOptions<P>>,
): Promise<Started<ClientLearned<P>>>
export async function startTls(
  stream: Duplex,
  protocol: ClientProtocol,
  options: StartTLSConduct &
    ClientSetup &
    Pick<ClientBufferOptions, 'session' | 'service'> & {
      readonly serverName: string | undefined
      readonly dialogue?: unknown
    },
): Promise<Started<unknown>> {
  requireConduct('startTls', stream, options)
  requireServerName(options)
  const {
    opportunistic = false,
    reconnect,
    dialogueTimeoutMilliseconds,
    trace,
    dialogue: given = {},
    ...rest
  } = options
  const { serverName, service, session, allowHalfOpen, signal, ...setup } = rest
  if (opportunistic !== 'accept-failed-handshake') optionalBoolean('opportunistic', opportunistic)
  optionalFunction('reconnect', reconnect)
  if ((opportunistic === 'accept-failed-handshake') !== (reconnect !== undefined)) {
    throw new ConfigurationError(
      'reconnect',
      "belongs to opportunistic: 'accept-failed-handshake', and that needs it",
      {
        hint: 'a connection whose handshake has failed is of no use: give a function that opens another one',
      },
    )
  }
  if (serverName !== undefined) parseServerName(serverName)
  const dialogue = dialogueOf(clientDialogues, protocol, 'client')
  const context = clientContextOf(withInnerProtocol(setup, dialogue.innerProtocol?.(given)))
  return startTlsOn(stream, {
    dialogue,
    options: given,
    surroundings: { serverName, trace },
    timeoutMilliseconds: dialogueTimeoutMilliseconds ?? defaultDialogueTimeoutMilliseconds,
    signal,
    opportunistic: opportunistic !== false,
    reconnect,
    secure: (on) => {
      const more = { service: service ?? dialogue.protocol, session }
      return upgradeClient(context, on, serverName, { allowHalfOpen, signal, ...more })
    },
  })
}

/**
 * The server's side of `startTls`: answers what a client says in plain text until it asks for TLS, and refuses everything else; with
 * `opportunistic`, a client that goes on without is handed over in plain text, what it said last included.
 */
export async function startTlsServer<P extends ServerProtocol>(
  stream: Duplex,
  protocol: P,
  options: StartTLSServerOptions<ServerProtocolOptions<P>> & { readonly opportunistic?: false | undefined },
): Promise<StartedTLS<ServerLearned<P>>>
export async function startTlsServer<P extends ServerProtocol>(
  stream: Duplex,
  protocol: P,
  options: StartTLSServerOptions<ServerProtocolOptions<P>>,
): Promise<Started<ServerLearned<P>>>
export async function startTlsServer(
  stream: Duplex,
  protocol: ServerProtocol,
  options: Omit<StartTLSConduct, 'opportunistic'> &
    ServerSetup & { readonly dialogue?: unknown } & {
      readonly opportunistic?: boolean | undefined
    },
): Promise<Started<unknown>> {
  requireConduct('startTlsServer', stream, options)
  optionalBoolean('opportunistic', options.opportunistic)
  const { opportunistic = false, dialogueTimeoutMilliseconds, trace, dialogue: given = {}, ...rest } = options
  const { allowHalfOpen, signal, ...setup } = rest
  const dialogue = dialogueOf(serverDialogues, protocol, 'server')
  const innerProtocol = dialogue.innerProtocol?.(given)
  const hasOwn = innerProtocol === undefined || setup.context !== undefined || setup.innerProtocols !== undefined
  const context = serverContextOf(hasOwn ? setup : { ...setup, innerProtocols: [innerProtocol] })
  return startTlsOn(stream, {
    dialogue,
    options: given,
    surroundings: { trace },
    timeoutMilliseconds: dialogueTimeoutMilliseconds ?? defaultDialogueTimeoutMilliseconds,
    signal,
    opportunistic,
    secure: (on) => upgradeServer(context, on, { allowHalfOpen, signal }),
  })
}

/** @throws TypeError, UsageError and ConfigurationError for what cannot be, before anything is said. */
function requireConduct(
  call: string,
  stream: Duplex,
  options: StartTLSConduct & { readonly dialogue?: unknown },
): void {
  requireObject(call, options)
  requireUsable(stream)
  requireSocketOptions(options)
  optionalFunction('trace', options.trace)
  optionalObject('dialogue', options.dialogue)
  optionalWhole('dialogueTimeoutMilliseconds', options.dialogueTimeoutMilliseconds, { from: 1 })
}

/** The types of the public functions have made sure that options and dialogue fit. */
function dialogueOf(
  known: object,
  protocol: string | Dialogue<never, unknown>,
  role: 'client' | 'server',
): Dialogue<unknown, unknown> {
  const found = typeof protocol === 'string' ? Object.entries(known).find(([name]) => name === protocol)?.[1] : protocol
  if (typeof found !== 'object' || found === null) {
    if (typeof protocol !== 'string')
      throw new TypeError(`protocol: expected a protocol's name or a Dialogue, got ${typeOf(protocol)}`)
    const names = Object.keys(known).join(', ')
    throw new ConfigurationError(
      'protocol',
      `there is no ${role}'s dialogue of the name '${protocol}'; there are ${names}`,
    )
  }
  const dialogue = found as Dialogue<unknown, unknown>
  requireFunction('protocol.speak', dialogue.speak)
  if (dialogue.role === role) return dialogue
  throw new ConfigurationError('protocol', `this dialogue of ${dialogue.protocol} is a ${dialogue.role}'s`)
}

/** Adds the ALPN name that the protocol demands where the program has said nothing of the kind. */
function withInnerProtocol(setup: ClientSetup, innerProtocol: string | undefined): ClientSetup {
  if (innerProtocol === undefined) return setup
  const given = setup.context?.configuration.innerProtocols ?? (setup.context ? undefined : setup.innerProtocols)
  if (given === undefined && setup.context === undefined) return { ...setup, innerProtocols: [innerProtocol] }
  if (given?.includes(innerProtocol)) return setup
  throw new ConfigurationError('innerProtocols', `has to have ${innerProtocol}, which the protocol demands`)
}
