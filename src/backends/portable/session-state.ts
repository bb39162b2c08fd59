import { ByteReader } from '../../codec/byte-reader.ts'
import { ByteWriter } from '../../codec/byte-writer.ts'
import { DecodeError } from '../../codec/decode-error.ts'

/** What this backend keeps in a client's `Session`: the ticket, and the secret that goes with it. */
export type SessionState = SessionState13 | SessionState12

/** RFC 9846, Section 4.6.1. */
export interface SessionState13 {
  readonly version: 'TLSv1.3'
  readonly preSharedKey: Uint8Array
  readonly ticket: Uint8Array
  readonly ageAdd: number
}

/** RFC 5246, Section 7.3; RFC 5077, Section 3.4. One of the two names the session. */
export interface SessionState12 {
  readonly version: 'TLSv1.2'
  readonly masterSecret: Uint8Array
  readonly ticket: Uint8Array
  readonly sessionId: Uint8Array
}

export function encodeSessionState(state: SessionState): Uint8Array {
  const w = new ByteWriter(256)
  if (state.version === 'TLSv1.3') w.u8(3).vector8(state.preSharedKey).vector16(state.ticket).u32(state.ageAdd)
  else w.u8(2).vector8(state.masterSecret).vector16(state.ticket).vector8(state.sessionId)
  return w.finish().slice()
}

/** `undefined` where the bytes are no state of this version of the library: a store may be older. */
export function decodeSessionState(bytes: Uint8Array): SessionState | undefined {
  try {
    const r = new ByteReader(bytes, 'session')
    const kind = r.u8('kind')
    if (kind !== 2 && kind !== 3) return undefined
    const secret = r.vector8('secret', 1).slice()
    const ticket = r.vector16('ticket').slice()
    const state: SessionState =
      kind === 3
        ? { version: 'TLSv1.3', preSharedKey: secret, ticket, ageAdd: r.u32('age_add') }
        : { version: 'TLSv1.2', masterSecret: secret, ticket, sessionId: r.vector8('session_id').slice() }
    r.end()
    return state
  } catch (thrown) {
    if (thrown instanceof DecodeError) return undefined
    throw thrown
  }
}
