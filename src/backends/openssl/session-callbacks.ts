import { TicketUse } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import type { TicketMaterial } from './ticket-sealing.ts'

/** What OpenSSL asks and tells about sessions while a step runs. Answers are the numbers that C expects. */
export interface SessionListener {
  /** A client got a session, or a server made one that it has to keep. It stays OpenSSL's. */
  newSession(session: Pointer): void
  /** On a server: the session of this number, for OpenSSL to own; `null` for none. */
  getSession(id: Uint8Array): Pointer | null
  /** On a server: gives the keys that seal or open a ticket. */
  ticketKey(material: TicketMaterial, isSealing: boolean): number
  /** On a server: a ticket is about to be made. */
  generateTicket(): number
  /** On a server: a ticket came, and was opened or not. */
  decryptTicket(session: Pointer, status: number): number
  /** On a server: the client has early data, and everything else would let it in. */
  allowEarlyData(): number
  /** On a client: the external key to offer, for OpenSSL to own; `null` for none. `hash` is its EVP_MD, where it is settled. */
  usePreSharedKey(hash: Pointer | null): { readonly identity: Uint8Array; readonly session: Pointer } | null
  /** On a server: the key that the client calls so, for OpenSSL to own; `null` for none, `'unknown yet'` ends the attempt. */
  findPreSharedKey(identity: Uint8Array): Pointer | null | 'unknown yet'
}

/** Registers a C function that calls back. */
export type Register = (
  result: string,
  parameters: readonly string[],
  callback: (...values: never[]) => unknown,
) => Pointer

/** Calls the listener of the running step; whatever it throws is kept, and C gets `onFailure`. */
export type Guard = <T>(onFailure: T, call: (listener: SessionListener) => T) => T

/** The functions for sessions that C calls back. */
export class SessionCallbacks {
  readonly newSession: Pointer
  readonly getSession: Pointer
  readonly ticketKey: Pointer
  readonly generateTicket: Pointer
  readonly decryptTicket: Pointer
  readonly allowEarlyData: Pointer
  readonly usePreSharedKey: Pointer
  readonly findPreSharedKey: Pointer

  constructor(library: Library, register: Register, guard: Guard) {
    const { koffi } = library
    // Zero leaves the session to OpenSSL.
    this.newSession = register('int', ['void *', 'void *'], (_ssl: Pointer, session: Pointer) =>
      guard(0, (listener) => {
        listener.newSession(session)
        return 0
      }),
    )
    this.getSession = register(
      'void *',
      ['void *', 'void *', 'int', 'void *'],
      (_ssl: Pointer, id: Pointer, length: number, copy: Pointer) =>
        guard<Pointer | null>(null, (listener) => {
          // OpenSSL takes over our reference instead of adding its own.
          koffi.encode(copy, 'int', 0)
          return listener.getSession(library.copy(id, length))
        }),
    )
    this.ticketKey = register(
      'int',
      ['void *', 'void *', 'void *', 'void *', 'void *', 'int'],
      (_ssl: Pointer, name: Pointer, initializationVector: Pointer, cipher: Pointer, mac: Pointer, seals: number) =>
        guard(-1, (listener) => listener.ticketKey({ name, initializationVector, cipher, mac }, seals === 1)),
    )
    this.generateTicket = register('int', ['void *', 'void *'], () => guard(0, (listener) => listener.generateTicket()))
    this.decryptTicket = register(
      'int',
      ['void *', 'void *', 'void *', 'size_t', 'int', 'void *'],
      (_ssl: Pointer, session: Pointer, _name: Pointer, _nameLength: number, status: number) =>
        guard<number>(TicketUse.ABORT, (listener) => listener.decryptTicket(session, status)),
    )
    this.allowEarlyData = register('int', ['void *', 'void *'], () => guard(0, (listener) => listener.allowEarlyData()))
    this.usePreSharedKey = register(
      'int',
      ['void *', 'void *', 'void *', 'void *', 'void *'],
      (_ssl: Pointer, hash: Pointer | null, identity: Pointer, identityLength: Pointer, session: Pointer) =>
        guard(0, (listener) => {
          const key = listener.usePreSharedKey(hash)
          koffi.encode(session, 'void *', key?.session ?? null)
          if (key === null) return 1
          // OpenSSL copies it before it does anything else.
          koffi.encode(identity, 'void *', koffi.address(key.identity))
          koffi.encode(identityLength, 'size_t', key.identity.byteLength)
          return 1
        }),
    )
    this.findPreSharedKey = register(
      'int',
      ['void *', 'void *', 'size_t', 'void *'],
      (_ssl: Pointer, identity: Pointer, length: number, session: Pointer) =>
        guard(0, (listener) => {
          const found = listener.findPreSharedKey(library.copy(identity, Number(length)))
          koffi.encode(session, 'void *', found === 'unknown yet' ? null : found)
          return found === 'unknown yet' ? 0 : 1
        }),
    )
  }
}
