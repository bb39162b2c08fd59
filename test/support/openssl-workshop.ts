import assert from 'node:assert/strict'
import type { TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { OpenSSLBackend } from '#polytls/backends/openssl/backend.js'
import { OpenSSLClientContext, OpenSSLServerContext } from '#polytls/backends/openssl/context.js'
import { Library, loadLibrary } from '#polytls/backends/openssl/library.js'
import type { LibraryChoice } from '#polytls/backends/openssl/library-choice.js'
import type { Workshop } from '#polytls/backends/openssl/prepared-context.js'
import type { Native } from '#polytls/backends/openssl/prototypes.js'
import { TrustStores } from '#polytls/backends/openssl/trust.js'

/** An OpenSSL of a test's own, whose calls the test can count and whose error queue it can look into. */
export class OpenSSLWorkshop {
  readonly library: Library
  readonly #workshop: Workshop

  constructor(choice: LibraryChoice = 'embedded', options: Pick<Workshop, 'recordsPerKey'> = {}) {
    const library = loadLibrary(choice)
    assert.ok(library instanceof Library)
    this.library = library
    const noSystemTrust = (): never => {
      throw new Error('these tests do not use the trust of the machine')
    }
    this.#workshop = {
      backend: new OpenSSLBackend('openssl-under-test', choice, { loadSystemTrust: noSystemTrust, now: Date.now }),
      library,
      trustStores: new TrustStores(library, noSystemTrust),
      now: Date.now,
      ...options,
    }
  }

  clientContext(configuration: TLSClientConfiguration): OpenSSLClientContext {
    return new OpenSSLClientContext(this.#workshop, configuration, {})
  }

  serverContext(configuration: TLSServerConfiguration): OpenSSLServerContext {
    return new OpenSSLServerContext(this.#workshop, configuration, {})
  }

  /** Counts the calls of a native function from now on. */
  count(name: keyof Native): () => number {
    const native = this.library.native as { [name: string]: (...values: unknown[]) => unknown }
    const call = native[name] as (...values: unknown[]) => unknown
    let calls = 0
    native[name] = (...values) => {
      calls++
      return call(...values)
    }
    return () => calls
  }

  /** The first of the errors that wait in the queue; none is how it should be. */
  waitingError(): string | undefined {
    const code = this.library.native.ERR_get_error()
    this.library.native.ERR_clear_error()
    return code === 0 ? undefined : (this.library.native.ERR_reason_error_string(code) ?? String(code))
  }

  /** Leaves errors of somebody else in the queue. */
  leaveStaleErrors(): void {
    const garbage = Buffer.from([0x30, 0x03, 1, 2, 3])
    const cursor = BigUint64Array.of(this.library.koffi.address(garbage))
    assert.equal(this.library.native.d2i_X509(null, cursor, garbage.length), null)
  }
}
