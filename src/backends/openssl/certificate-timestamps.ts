import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { BackendError } from '../../errors.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/**
 * Certificate timestamps, passed on as they are: RFC 6962, Section 3.3.1. OpenSSL has its own way with them, which verifies them against
 * a list of logs; as an extension of the application's own it leaves them alone.
 */
export class CertificateTimestamps {
  readonly #library: Library
  readonly #backendName: string
  /** By the certificate that they stand beside: the list as it is sent. */
  readonly #lists = new Map<Pointer, Buffer>()

  constructor(library: Library, backendName: string) {
    this.#library = library
    this.#backendName = backendName
  }

  get isEmpty(): boolean {
    return this.#lists.size === 0
  }

  /** The certificate is the context's, for as long as that lives. */
  put(certificate: Pointer, timestamps: readonly Uint8Array[]): void {
    if (timestamps.length === 0) return
    const list = new ByteWriter().vector16((w) => {
      for (const each of timestamps) w.vector16(each)
    })
    this.#lists.set(certificate, Buffer.from(list.finish()))
  }

  /** What goes beside a certificate of ours. The memory stays where it is for as long as this object lives. */
  listFor(certificate: Pointer | null): Buffer | undefined {
    return certificate === null ? undefined : this.#lists.get(certificate)
  }

  /** Has a server answer whoever asks. All contexts that a connection may go through need it: the first reads the question. */
  answer(context: Pointer): void {
    this.#install(context, this.#library.callbacks.sendTimestamps, null)
  }

  /** Has a client ask. */
  ask(context: Pointer): void {
    // Where nothing says what to send, OpenSSL sends an extension without content.
    this.#install(context, null, this.#library.callbacks.receiveTimestamps)
  }

  #install(context: Pointer, send: Pointer | null, receive: Pointer | null): void {
    const { native } = this.#library
    native.ERR_clear_error()
    if (
      native.SSL_CTX_add_custom_ext(context, signedCertificateTimestamp, places, send, null, null, receive, null) === 1
    )
      return
    throw new BackendError(this.#backendName, `SSL_CTX_add_custom_ext failed: ${textOf(takeErrors(native))}`)
  }
}

/** The list that a server has sent; `undefined` where it is malformed. */
export function readTimestamps(bytes: Uint8Array): readonly Uint8Array[] | undefined {
  const reader = new ByteReader(bytes, 'signed_certificate_timestamp')
  const found: Uint8Array[] = []
  try {
    const list = reader.reader16('sct_list', 1)
    reader.end()
    while (list.remaining > 0) found.push(list.vector16('SerializedSCT', 1))
  } catch {
    return undefined
  }
  return Object.freeze(found)
}

/** The extension's number. */
const signedCertificateTimestamp = 18
/** SSL_EXT_IGNORE_ON_RESUMPTION, SSL_EXT_CLIENT_HELLO, SSL_EXT_TLS1_2_SERVER_HELLO, SSL_EXT_TLS1_3_CERTIFICATE. */
const places = 0x40 | 0x80 | 0x100 | 0x1000
