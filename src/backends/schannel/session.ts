import { Alert, type AlertName } from '../../alerts.ts'
import { BackendError } from '../../errors.ts'
import { ClientRequirement, ControlToken, ServerRequirement } from './constants.ts'
import type { Attribute, Attributes, ContextAnswer, DecryptAnswer, NativeSecurity, SecHandle } from './native.ts'
import { isError, Status, statusName } from './status.ts'
import { encodeStructure, SCHANNEL_ALERT_TOKEN } from './structures.ts'

/** How one side of one connection is to be. */
export interface SessionOptions {
  readonly native: NativeSecurity
  readonly isServer: boolean
  /** What a client calls the server: sent as SNI where it is a name. */
  readonly targetName: string | undefined
  /** The protocols inside TLS by preference. */
  readonly innerProtocols: readonly string[] | undefined
  readonly asksForCertificate: boolean
}

/** One security context of Schannel. */
export class Session {
  readonly #options: SessionOptions
  readonly #held: Held
  #sizes: Attributes['STREAM_SIZES'] | undefined
  #credentials: SecHandle | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#held = { native: options.native, context: undefined }
    finalizer.register(this, this.#held, this)
  }

  /** Whether a message was exchanged yet. */
  get started(): boolean {
    return this.#held.context !== undefined
  }

  /** The credentials are of the context, which keeps them alive; a server chooses them by the name that the client asks for. */
  use(credentials: SecHandle): void {
    this.#credentials = credentials
  }

  /** One step of the handshake, or of what comes after it. */
  exchange(token: Uint8Array | undefined): ContextAnswer {
    const { native, isServer, targetName, innerProtocols, asksForCertificate } = this.#options
    const call = {
      credentials: this.#credentials as SecHandle,
      context: this.#held.context,
      token,
      applicationProtocols: this.started || innerProtocols === undefined ? undefined : encodeProtocols(innerProtocols),
    }
    const answer = isServer
      ? native.AcceptSecurityContext({
          ...call,
          requirements: serverRequirements | (asksForCertificate ? ServerRequirement.MUTUAL_AUTH : 0),
        })
      : native.InitializeSecurityContext({ ...call, targetName, requirements: clientRequirements })
    this.#held.context = answer.context
    return answer
  }

  /** What tells the peer of a failure; empty where Schannel does not make it. */
  alert(alert: AlertName): Uint8Array {
    return this.#control(
      encodeStructure(SCHANNEL_ALERT_TOKEN, {
        dwTokenType: ControlToken.ALERT,
        dwAlertType: ControlToken.ALERT_FATAL,
        dwAlertNumber: Alert[alert],
      }),
    ).message
  }

  /**
   * The close_notify.
   * @throws BackendError where Schannel gives none.
   */
  closeNotify(): Uint8Array {
    const { status, message } = this.#control(Buffer.from(Uint32Array.of(ControlToken.SHUTDOWN).buffer))
    if (message.byteLength === 0) throw this.failed('no close_notify can be made', status)
    return message
  }

  #control(token: Uint8Array): { readonly status: number; readonly message: Uint8Array } {
    const { context } = this.#held
    if (context === undefined) return { status: Status.SEC_E_INVALID_HANDLE, message: nothing }
    const status = this.#options.native.ApplyControlToken(context, token)
    if (isError(status)) return { status, message: nothing }
    const answer = this.exchange(undefined)
    return { status: answer.status, message: answer.token }
  }

  /** How much plaintext a record takes at most. */
  get maximumMessageBytes(): number {
    return this.#streamSizes().maximumMessageBytes
  }

  /** One record with this plaintext. The answer is a view, valid until the next call of any session. */
  encrypt(data: Uint8Array): { readonly status: number; readonly ciphertext: Uint8Array } {
    const { headerBytes, trailerBytes } = this.#streamSizes()
    const size = headerBytes + data.byteLength + trailerBytes
    if (scratch.byteLength < size) scratch = Buffer.allocUnsafeSlow(size)
    scratch.set(data, headerBytes)
    return this.#options.native.EncryptMessage(this.#live(), {
      bytes: scratch.subarray(0, size),
      headerBytes,
      dataBytes: data.byteLength,
      trailerBytes,
    })
  }

  /** Decrypts records. What it answers are views, valid until the next call of any session. */
  decrypt(records: Uint8Array): DecryptAnswer {
    if (scratch.byteLength < records.byteLength) scratch = Buffer.allocUnsafeSlow(records.byteLength)
    scratch.set(records)
    return this.#options.native.DecryptMessage(this.#live(), scratch.subarray(0, records.byteLength))
  }

  /** What Schannel knows of the connection; undefined where it does not say. */
  query<A extends Attribute>(attribute: A): Attributes[A] | undefined {
    return this.#options.native.QueryContextAttributes(this.#live(), attribute).value
  }

  failed(what: string, status: number): BackendError {
    return new BackendError('schannel', `${what}: ${statusName(status)}`, { nativeCode: statusName(status) })
  }

  free(): void {
    finalizer.unregister(this)
    freeHeld(this.#held)
  }

  #streamSizes(): Attributes['STREAM_SIZES'] {
    if (this.#sizes !== undefined) return this.#sizes
    const { status, value } = this.#options.native.QueryContextAttributes(this.#live(), 'STREAM_SIZES')
    if (value === undefined) throw this.failed('Schannel does not say how long records are', status)
    this.#sizes = value
    return value
  }

  #live(): SecHandle {
    return this.#held.context as SecHandle
  }
}

interface Held {
  readonly native: NativeSecurity
  context: SecHandle | undefined
}

function freeHeld(held: Held): void {
  if (held.context !== undefined) held.native.DeleteSecurityContext(held.context)
  held.context = undefined
}

/** Frees the context of a channel that was forgotten. */
const finalizer = new FinalizationRegistry<Held>(freeHeld)

const nothing: Uint8Array = new Uint8Array(0)

/** Where records are encrypted and decrypted. No session does so while another one does. */
let scratch: Buffer = Buffer.allocUnsafeSlow(20 * 1024)

const clientRequirements =
  ClientRequirement.REPLAY_DETECT |
  ClientRequirement.SEQUENCE_DETECT |
  ClientRequirement.CONFIDENTIALITY |
  ClientRequirement.ALLOCATE_MEMORY |
  ClientRequirement.EXTENDED_ERROR |
  ClientRequirement.STREAM |
  ClientRequirement.MANUAL_CRED_VALIDATION |
  // What a client shows is what it was given, not what Windows finds for it.
  ClientRequirement.USE_SUPPLIED_CREDS

const serverRequirements =
  ServerRequirement.REPLAY_DETECT |
  ServerRequirement.SEQUENCE_DETECT |
  ServerRequirement.CONFIDENTIALITY |
  ServerRequirement.ALLOCATE_MEMORY |
  ServerRequirement.EXTENDED_ERROR |
  ServerRequirement.STREAM

/** SEC_APPLICATION_PROTOCOLS with one list, of ALPN. RFC 7301, Section 3.1: each name behind its length. */
function encodeProtocols(innerProtocols: readonly string[]): Uint8Array {
  const list = Buffer.concat(
    innerProtocols.map((name) => Buffer.concat([Buffer.of(Buffer.byteLength(name)), Buffer.from(name)])),
  )
  const header = Buffer.alloc(10)
  header.writeUInt32LE(6 + list.byteLength, 0)
  // SecApplicationProtocolNegotiationExt_ALPN.
  header.writeUInt32LE(2, 4)
  header.writeUInt16LE(list.byteLength, 8)
  return Buffer.concat([header, list])
}
