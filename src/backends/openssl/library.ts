import { createRequire } from 'node:module'
import { platform } from 'node:process'
import { BackendError } from '../../errors.ts'
import { Callbacks } from './callbacks.ts'
import { Conduit, newMemoryBIO } from './conduit.ts'
import type { LibraryChoice } from './library-choice.ts'
import { type Native, type Pointer, prototypes, successors } from './prototypes.ts'

type Koffi = typeof import('koffi')

/** A loaded libssl with what is shared by all that use it. There is one for each choice and thread, for as long as the thread lives. */
export class Library {
  readonly native: Native
  readonly koffi: Koffi
  readonly version: string
  readonly conduit: Conduit
  readonly callbacks: Callbacks
  /** Where `scratch` lies for C. */
  readonly scratchAddress: Pointer
  /**
   * Where C writes what it answers beside its result, to be read before the next call. New arrays would get memory outside of V8's heap each
   * time.
   */
  readonly pointerOut: BigUint64Array = new BigUint64Array(1)
  readonly lengthOut: BigUint64Array = new BigUint64Array(1)
  /** See `peek`. */
  readonly #brief = new Uint8Array(1024)
  /** A memory BIO through which bytes are copied. */
  readonly #copier: Pointer
  /** Whether SSL_free_buffers leaves a buffer alone into which a record is still coming: CVE-2024-4741. */
  readonly canFreeBuffers: boolean

  constructor(koffi: Koffi, native: Native) {
    this.koffi = koffi
    this.native = native
    this.version = native.OpenSSL_version(0) ?? ''
    this.conduit = new Conduit(native)
    this.callbacks = new Callbacks(this)
    this.scratchAddress = koffi.address(scratch)
    this.#copier = newMemoryBIO(native)
    this.canFreeBuffers = freesBuffersSafely(native.OpenSSL_version_num())
  }

  /** Random bytes of the library's own generator. */
  random(length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length)
    if (this.native.RAND_bytes(bytes, length) !== 1) throw new Error('RAND_bytes failed')
    return bytes
  }

  /** A copy of native memory. */
  copy(address: Pointer | null, length: number): Uint8Array {
    if (address === null || length <= 0) return new Uint8Array(0)
    const bytes = new Uint8Array(length)
    this.#move(address, bytes, length)
    return bytes
  }

  /** The same for who looks at once: the bytes are others after the next call. */
  peek(address: Pointer | null, length: number): Uint8Array {
    if (address === null || length <= 0 || length > this.#brief.byteLength) return this.copy(address, length)
    this.#move(address, this.#brief, length)
    return this.#brief.subarray(0, length)
  }

  /** Writes into native memory, which has room for it. */
  put(address: Pointer, bytes: Uint8Array): void {
    this.#move(bytes, address, bytes.byteLength)
  }

  /** Not by a view of the memory, which costs ten times as much, and the garbage collector has to follow it. */
  #move(from: Pointer | Uint8Array, to: Pointer | Uint8Array, length: number): void {
    // A BIO with nothing in it says that there is nothing to read.
    if (length === 0) return
    const { native } = this
    if (native.BIO_write(this.#copier, from, length) !== length || native.BIO_read(this.#copier, to, length) !== length)
      throw new Error('a memory BIO takes no more: the machine may be out of memory')
  }
}

/** Where small reads land before they are copied. No step reads while another one does. */
export const scratch: Buffer = Buffer.allocUnsafeSlow(32 * 1024)

/** Loads a libssl, or says why that cannot be done here. Never throws. */
export function loadLibrary(choice: LibraryChoice): Library | { readonly reason: string } {
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    return {
      reason: `the optional package koffi is not installed or has no binary for this platform (${firstLine(cause)})`,
    }
  }
  try {
    const native = bind(openLibraries(koffi, choice))
    // Version 3.0.0 is 0x30000000: what came before lacks functions that verification stands on.
    if (native.OpenSSL_version_num() < 0x30000000) {
      return { reason: `${native.OpenSSL_version(0)} is too old: OpenSSL 3.0 or later is needed` }
    }
    return new Library(koffi, native)
  } catch (cause) {
    return { reason: `${describe(choice)} cannot be used: ${firstLine(cause)}` }
  }
}

export function requireLibrary(backend: string, loaded: Library | { readonly reason: string }): Library {
  if (loaded instanceof Library) return loaded
  throw new BackendError(backend, `not available: ${loaded.reason}`)
}

/** `version`: as OpenSSL_version_num(3) gives it. */
export function freesBuffersSafely(version: number): boolean {
  const minor = (version >>> 20) & 0xff
  const patch = (version >>> 4) & 0xff
  return version >= 0x40000000 || patch >= (firstMendedPatches[minor] ?? 0)
}

/** Of OpenSSL 3.0 to 3.3, where SSL_free_buffers was mended. */
const firstMendedPatches = [14, 6, 2, 1]

type Handle = ReturnType<Koffi['load']>

function openLibraries(koffi: Koffi, choice: LibraryChoice): readonly Handle[] {
  if (choice === 'embedded') return [koffi.load(null)]
  const { libcrypto, libssl } = choice === 'system' ? systemLibraries() : choice
  // Deep binding: without it hundreds of references bind to the symbols that Node exports, of another version, and it crashes.
  return [koffi.load(libcrypto, { deep: true }), koffi.load(libssl, { deep: true })]
}

function systemLibraries(): { readonly libcrypto: string; readonly libssl: string } {
  if (platform === 'win32') return { libcrypto: 'libcrypto-3-x64.dll', libssl: 'libssl-3-x64.dll' }
  if (platform === 'darwin') return { libcrypto: 'libcrypto.3.dylib', libssl: 'libssl.3.dylib' }
  return { libcrypto: 'libcrypto.so.3', libssl: 'libssl.so.3' }
}

function bind(handles: readonly Handle[]): Native {
  const functions: Record<string, unknown> = {}
  for (const [name, prototype] of Object.entries(prototypes)) {
    functions[name] = find(handles, prototype, successors[name as keyof typeof prototypes])
  }
  return functions as Native
}

function find(handles: readonly Handle[], prototype: string, successor?: string): unknown {
  let failure: unknown
  for (const handle of handles) {
    try {
      return handle.func(prototype)
    } catch (cause) {
      failure = cause
    }
  }
  if (successor !== undefined) return find(handles, successor)
  throw failure
}

function describe(choice: LibraryChoice): string {
  if (choice === 'embedded') return 'the OpenSSL inside the runtime'
  return choice === 'system' ? "the system's OpenSSL" : `${choice.libcrypto} with ${choice.libssl}`
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0] ?? ''
}
