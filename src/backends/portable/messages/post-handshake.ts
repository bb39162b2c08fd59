import { ProtocolError } from '../../../errors.ts'
import type { ExtensionsIn } from './extension-forms.ts'
import { decodeExtensions, encodeExtensions } from './extensions.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** RFC 9846, Section 4.6.1. */
export interface NewSessionTicket {
  readonly type: 'new_session_ticket'
  readonly lifetimeSeconds: number
  readonly ageAdd: number
  readonly nonce: Uint8Array
  readonly ticket: Uint8Array
  readonly extensions: ExtensionsIn<'new_session_ticket'>
}

/** RFC 5077, Section 3.3. */
export interface NewSessionTicket12 {
  readonly type: 'new_session_ticket'
  readonly lifetimeHintSeconds: number
  /** Empty where the server changed its mind. */
  readonly ticket: Uint8Array
}

/** RFC 9846, Section 4.6.3. */
export interface KeyUpdate {
  readonly type: 'key_update'
  readonly updateRequested: boolean
}

export function decodeNewSessionTicket(body: Uint8Array): NewSessionTicket {
  return decodeWhole('NewSessionTicket', body, (r) => ({
    type: 'new_session_ticket',
    lifetimeSeconds: r.u32('ticket_lifetime'),
    ageAdd: r.u32('ticket_age_add'),
    nonce: r.vector8('ticket_nonce'),
    ticket: r.vector16('ticket', 1),
    extensions: decodeExtensions('new_session_ticket', r.reader16('extensions')),
  }))
}

export function encodeNewSessionTicket(message: Omit<NewSessionTicket, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('new_session_ticket', (w) => {
    w.u32(message.lifetimeSeconds).u32(message.ageAdd).vector8(message.nonce).vector16(message.ticket)
    encodeExtensions('new_session_ticket', w, message.extensions)
  })
}

export function decodeNewSessionTicket12(body: Uint8Array): NewSessionTicket12 {
  return decodeWhole('NewSessionTicket', body, (r) => ({
    type: 'new_session_ticket',
    lifetimeHintSeconds: r.u32('ticket_lifetime_hint'),
    ticket: r.vector16('ticket'),
  }))
}

export function encodeNewSessionTicket12(message: Omit<NewSessionTicket12, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('new_session_ticket', (w) => w.u32(message.lifetimeHintSeconds).vector16(message.ticket))
}

export function decodeKeyUpdate(body: Uint8Array): KeyUpdate {
  return decodeWhole('KeyUpdate', body, (r) => {
    const request = r.u8('request_update')
    if (request > 1) throw new ProtocolError(`KeyUpdate asks for ${request}`, { alert: 'illegal_parameter' })
    return { type: 'key_update', updateRequested: request === 1 }
  })
}

export function encodeKeyUpdate(message: Omit<KeyUpdate, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('key_update', (w) => w.u8(message.updateRequested ? 1 : 0), 8)
}
