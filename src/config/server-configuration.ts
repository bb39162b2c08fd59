import { ConfigurationError } from '../errors.ts'
import { requireObject } from './arguments.ts'
import type { ChooseContext } from './client-hello.ts'
import type { CommonOptions } from './common-options.ts'
import { identityOf } from './identity.ts'
import type { FindPreSharedKey } from './pre-shared-key.ts'
import type { ReplayGuard } from './replay-guard.ts'
import type { ServerSessions } from './server-sessions.ts'
import { isReplayGuard, serverSessions } from './session-validation.ts'
import type { SigningChain } from './signing-chain.ts'
import {
  adopt,
  aFunction,
  type Checks,
  checkVersionBounds,
  commonChecks,
  oneOf,
  signingChains,
  wholeNumber,
} from './validation.ts'

/** The options of a server's configuration. */
export interface ServerOptions extends CommonOptions {
  /**
   * One chain for each identity. The server name that a client asks for chooses among them (an exact name before a wildcard, the
   * first chain where none fits); among chains of one name, for instance ECDSA beside RSA, what the client can verify chooses.
   * Empty only where `findPreSharedKey` or `chooseContext` makes do without.
   */
  readonly certificateChain: readonly SigningChain[]
  /** Whether to ask clients for a certificate. `requested` lets clients without one in. Default: `none`. */
  readonly clientAuthentication?: ClientAuthentication
  /** How clients can resume. Default: stateless tickets. */
  readonly sessions?: ServerSessions
  /**
   * How much early data (0-RTT) to take from a client that resumes, in bytes, from 0 to 1,048,576; it is held in memory until it is read.
   * Early data can be replayed by an attacker, within what `replayGuard` cannot see: act only on what is safe to happen twice.
   * RFC 9846, Section 8. Default: 0, none.
   */
  readonly maxEarlyDataBytes?: number
  /**
   * Who remembers which early data was seen. Default: a memory of the context's own, which knows of no other; so where `ticketKeys` let others
   * take the same tickets, early data needs a guard that all of them share.
   */
  readonly replayGuard?: ReplayGuard
  /** Finds keys that client and server had before. A client without one that is known here goes on with certificates. TLS 1.3 only. */
  readonly findPreSharedKey?: FindPreSharedKey
  /** Looks at each ClientHello first, and says with which context to go on. */
  readonly chooseContext?: ChooseContext
}
/** Whether a server asks its clients for a certificate, and lets those without one in. */
export type ClientAuthentication = 'none' | 'requested' | 'required'

/** What a server wants. Immutable; its properties hold what the caller gave, never what a backend chose. */
export interface TLSServerConfiguration extends ServerOptions {}
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor adopts exactly the options of the interface
export class TLSServerConfiguration {
  readonly #options: ServerOptions
  #identity: string | undefined

  /**
   * @throws TypeError where a value has the wrong type or an option does not exist, ConfigurationError where a value cannot be
   * accepted; both name the field.
   */
  constructor(options: ServerOptions) {
    adopt(this, 'TLSServerConfiguration', options, checks)
    checkVersionBounds(this)
    if (this.certificateChain === undefined) throw new TypeError('certificateChain: a server needs at least one')
    const { findPreSharedKey, chooseContext } = this
    if (this.certificateChain.length === 0 && findPreSharedKey === undefined && chooseContext === undefined)
      throw new ConfigurationError('certificateChain', 'a server needs at least one certificate with its key')
    if (this.sessions === 'none' && (this.maxEarlyDataBytes ?? 0) > 0)
      throw new ConfigurationError('maxEarlyDataBytes', 'early data comes with resumption, and sessions are off')
    requireSharedGuard(this)
    if ((this.clientAuthentication ?? 'none') !== 'none' && this.trustStore === undefined) {
      throw new ConfigurationError(
        'trustStore',
        'say which authorities may vouch for clients: there is no safe default',
        {
          hint: 'TrustStore.fromFile or TrustStore.fromCertificates with the authority that issues your client certificates',
        },
      )
    }
    this.#options = { ...this }
    Object.freeze(this)
  }

  /** A configuration that differs in these options. An option given as `undefined` goes back to its default. */
  with(changes: { readonly [K in keyof ServerOptions]?: ServerOptions[K] | undefined }): TLSServerConfiguration {
    requireObject('with', changes)
    return new TLSServerConfiguration({ ...this.#options, ...changes } as ServerOptions)
  }

  /** Whether both mean the same: data is compared by value, functions and signers by identity. */
  equals(other: TLSServerConfiguration): boolean {
    return (
      other instanceof TLSServerConfiguration &&
      TLSServerConfiguration.identity(this) === TLSServerConfiguration.identity(other)
    )
  }

  /** @internal The key of in-memory caches. It holds secrets in clear. */
  static identity(configuration: TLSServerConfiguration): string {
    configuration.#identity ??= identityOf(configuration.#options)
    return configuration.#identity
  }
}

/** Each of those that share ticket keys would take a replay that another has taken. A store gives a session out once, whoever asks. */
function requireSharedGuard({ sessions, maxEarlyDataBytes = 0, replayGuard }: ServerOptions): void {
  const sharesTickets =
    typeof sessions === 'object' && sessions.kind === 'stateless' && sessions.ticketKeys !== undefined
  if (!sharesTickets || maxEarlyDataBytes === 0 || replayGuard !== undefined) return
  throw new ConfigurationError(
    'replayGuard',
    'with ticketKeys of your own, other contexts can take the same early data: name the guard that all of them share',
    { hint: 'within one process that can be one MemoryReplayGuard' },
  )
}

const checks: Checks<ServerOptions> = {
  ...commonChecks,
  certificateChain: signingChains,
  clientAuthentication: oneOf('none', 'requested', 'required'),
  sessions: serverSessions,
  maxEarlyDataBytes: wholeNumber(0, 1_048_576, 'bytes'),
  replayGuard: isReplayGuard,
  findPreSharedKey: aFunction,
  chooseContext: aFunction,
}
