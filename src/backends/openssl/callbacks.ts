import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { SessionCallbacks, type SessionListener } from './session-callbacks.ts'

/** What OpenSSL asks while a step runs. Answers are the numbers that C expects. */
export interface StepListener {
  /** What it asks about sessions. */
  readonly sessions: SessionListener
  /** ALPN on a server: where in the client's list the chosen name starts (behind its length byte), or what to answer instead. */
  selectProtocol(
    offered: Uint8Array,
  ): { readonly offset: number; readonly length: number } | { readonly answer: number }
  /** The client has named the server that it wants. */
  chooseByServerName(): number
  /** One line of RFC 9850. */
  logKey(line: string): void
  /** Verify the peer's chain, which OpenSSL has put into this X509_STORE_CTX. */
  verifyChain(storeContext: Pointer): number
  /** On a client: the server asks for its certificate. 1 to go on, -1 to wait. */
  wantCertificate(): number
  /** The peer's handshake message of this type came, where somebody listens for it. */
  sawMessage(type: number): void
  /** On a client: what to make of a stapled state. On a server: to staple one. */
  status(): number
  /** What a server sends beside a certificate of its own to a client that wants timestamps; `null` where OpenSSL does not say which. */
  timestampsFor(certificate: Pointer | null): Uint8Array | undefined
  /** On a client: the server has sent timestamps. Answers whether they can be read. */
  receiveTimestamps(list: Uint8Array): boolean
  /** What to make of one thing that OpenSSL found, or did not find, on the way: 1 to go on. */
  judge(found: number, storeContext: Pointer): number
}

/**
 * The functions that C calls back. One of each kind serves all channels of a library, because koffi has few slots for them; since
 * steps are synchronous, the channel whose step is running is the one that is meant.
 */
export class Callbacks {
  /** The channel whose step is running. */
  listener: StepListener | undefined
  /** What a callback threw. C must never see it: it would take it for zero, which in places means acceptance. */
  failure: { readonly thrown: unknown } | undefined

  readonly selectProtocol: Pointer
  readonly chooseByServerName: Pointer
  readonly logKey: Pointer
  readonly verifyChain: Pointer
  readonly status: Pointer
  readonly judge: Pointer
  readonly wantCertificate: Pointer
  readonly message: Pointer
  readonly sendTimestamps: Pointer
  readonly receiveTimestamps: Pointer
  readonly sessions: SessionCallbacks

  constructor(library: Library) {
    const { koffi } = library
    // Without a name of their own: koffi's names are global, and every library registers these.
    const register = (
      result: string,
      parameters: readonly string[],
      callback: (...values: never[]) => unknown,
    ): Pointer => koffi.register(callback, koffi.pointer(koffi.proto(result, [...parameters])))

    this.selectProtocol = register(
      'int',
      ['void *', 'void *', 'void *', 'void *', 'unsigned int', 'void *'],
      (_ssl: Pointer, out: Pointer, outLength: Pointer, offered: Pointer, length: number) =>
        this.#guard(fatal, (listener) => {
          const choice = listener.selectProtocol(library.copy(offered, length))
          if ('answer' in choice) return choice.answer
          koffi.encode(out, 'void *', offered + BigInt(choice.offset))
          koffi.encode(outLength, 'uint8_t', choice.length)
          return 0
        }),
    )
    this.chooseByServerName = register('int', ['void *', 'void *', 'void *'], () =>
      this.#guard(fatal, (listener) => listener.chooseByServerName()),
    )
    this.logKey = register('void', ['void *', 'const char *'], (_ssl: Pointer, line: string) => {
      this.#guard(0, (listener) => {
        listener.logKey(line)
        return 0
      })
    })
    this.verifyChain = register('int', ['void *', 'void *'], (storeContext: Pointer) =>
      this.#guard(refused, (listener) => listener.verifyChain(storeContext)),
    )

    this.status = register('int', ['void *', 'void *'], () => this.#guard(-1, (listener) => listener.status()))
    this.judge = register('int', ['int', 'void *'], (found: number, storeContext: Pointer) =>
      this.#guard(refused, (listener) => listener.judge(found, storeContext)),
    )
    const extension = ['void *', 'unsigned int', 'unsigned int'] as const
    this.sendTimestamps = register(
      'int',
      [...extension, 'void *', 'void *', 'void *', 'size_t', 'void *', 'void *'],
      (...[, , , out, outLength, certificate, depth]: SendArguments) =>
        this.#guard(-1, (listener) => {
          // RFC 9846, Section 4.4.2.1: beside our own certificate, which TLS 1.2 does not name here.
          if (BigInt(depth) > 0n) return 0
          const list = listener.timestampsFor(certificate)
          if (list === undefined) return 0
          koffi.encode(out, 'void *', koffi.address(list))
          koffi.encode(outLength, 'size_t', list.byteLength)
          return 1
        }),
    )
    this.receiveTimestamps = register(
      'int',
      [...extension, 'void *', 'size_t', 'void *', 'size_t', 'void *', 'void *'],
      (...[, , , list, length, , depth, alert]: ReceiveArguments) =>
        this.#guard(0, (listener) => {
          if (BigInt(depth) > 0n || listener.receiveTimestamps(library.copy(list, Number(length)))) return 1
          koffi.encode(alert, 'int', decodeError)
          return 0
        }),
    )
    this.wantCertificate = register('int', ['void *', 'void *'], () =>
      this.#guard(0, (listener) => listener.wantCertificate()),
    )
    this.message = register(
      'void',
      ['int', 'int', 'int', 'void *', 'size_t', 'void *', 'void *'],
      (isSent: number, _version: number, contentType: number, content: Pointer, length: number) => {
        if (isSent !== 0 || contentType !== handshakeContent || Number(length) === 0) return
        this.#guard(0, (listener) => {
          listener.sawMessage(library.copy(content, 1)[0] as number)
          return 0
        })
      },
    )
    this.sessions = new SessionCallbacks(library, register, (onFailure, call) =>
      this.#guard(onFailure, (listener) => call(listener.sessions)),
    )
  }

  takeFailure(): { readonly thrown: unknown } | undefined {
    const failure = this.failure
    this.failure = undefined
    return failure
  }

  #guard<T>(onFailure: T, call: (listener: StepListener) => T): T {
    try {
      if (this.listener === undefined) throw new Error('a callback of OpenSSL came outside of any step')
      return call(this.listener)
    } catch (thrown) {
      this.failure ??= { thrown }
      return onFailure
    }
  }
}

/** SSL_TLSEXT_ERR_ALERT_FATAL. */
const fatal = 2
/** A verification that did not succeed. */
const refused = 0

/** SSL_AD_DECODE_ERROR. */
const decodeError = 50

/** Of SSL_custom_ext_add_cb_ex. */
type SendArguments = [
  ssl: Pointer,
  type: number,
  place: number,
  out: Pointer,
  outLength: Pointer,
  certificate: Pointer | null,
  depth: number | bigint,
]
/** Of SSL_custom_ext_parse_cb_ex. */
type ReceiveArguments = [
  ssl: Pointer,
  type: number,
  place: number,
  bytes: Pointer,
  length: number | bigint,
  certificate: Pointer | null,
  depth: number | bigint,
  alert: Pointer,
]
/** The content type of handshake messages. RFC 9846, Section 5.1. */
const handshakeContent = 22
