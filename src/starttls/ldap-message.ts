import { DecodeError } from '../codec/decode-error.ts'
import { DerReader, Tag } from '../codec/der.ts'
import { encodeElement } from '../codec/der-writer.ts'
import type { Reading } from './dialogue.ts'
import { Heard } from './heard.ts'
import type { Talk } from './talk.ts'

/** The extended operation "StartTLS". RFC 4511, Section 4.14. */
export const startTlsName = '1.3.6.1.4.1.1466.20037'
/** What a server sends that is about to hang up. RFC 4511, Section 4.4.1. */
export const disconnectionName = '1.3.6.1.4.1.1466.20036'

/** Identifier octets of LDAP's operations, [APPLICATION n]. RFC 4511, Appendix B. */
export const Operation = {
  unbindRequest: 0x42,
  abandonRequest: 0x50,
  extendedRequest: 0x77,
  extendedResponse: 0x78,
} as const

/** One LDAPMessage. RFC 4511, Section 4.1.1. */
export interface LDAPMessage {
  readonly messageID: number
  /** The identifier octet of the operation. */
  readonly operation: number
  readonly content: DerReader
  /** As it came. */
  readonly bytes: Uint8Array
}

/** The next message. @throws StartTLSError or DecodeError for what is none. */
export function* readLDAPMessage(talk: Talk): Reading<LDAPMessage> {
  const [tag, first = 0] = yield* talk.peek(2)
  if (tag !== Tag.SEQUENCE) throw talk.malformed('an LDAPMessage')
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > 4) throw talk.malformed('an LDAPMessage of a length that can be')
  const header = yield* talk.peek(2 + lengthBytes)
  const length = lengthBytes === 0 ? first : header.subarray(2).reduce((sum, byte) => sum * 256 + byte, 0)
  const bytes = yield* talk.take(2 + lengthBytes + length)
  const message = new DerReader(shortest(bytes), 'LDAPMessage').sequence()
  const messageID = message.smallInteger('messageID')
  const { tag: operation, content } = message.element('protocolOp')
  if (!message.done) message.nested(0xa0, 'controls')
  message.end()
  return { messageID, operation, content: new DerReader(content, 'LDAPMessage.protocolOp'), bytes }
}

/**
 * LDAP is BER with definite lengths (RFC 4511, Section 5.1.), and Active Directory spends four bytes on every length: the same in the
 * shortest form, so that a reader of DER can read it. BOOLEANs may be anything but zero; none are read here.
 */
function shortest(bytes: Uint8Array, depth = 0): Uint8Array {
  if (depth > 32) throw new DecodeError('LDAPMessage', 'nested too deep')
  const out = new Heard()
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0
    const first = bytes[at + 1] ?? 0xff
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f
    if (first === 0x80 || lengthBytes > 4) throw new DecodeError('LDAPMessage', 'a length that LDAP does not allow')
    let start = at + 2
    let length = lengthBytes === 0 ? first : 0
    for (; start < at + 2 + lengthBytes; start++) length = length * 256 + (bytes[start] ?? 0)
    if (start + length > bytes.length)
      throw new DecodeError('LDAPMessage', 'an element that is longer than its message')
    const content = bytes.subarray(start, start + length)
    const isConstructed = (tag & 0x20) !== 0
    out.add(encodeElement(tag, isConstructed ? shortest(content, depth + 1) : content))
    at = start + length
  }
  return out.unread
}
