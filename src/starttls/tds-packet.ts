import { StartTLSError } from '../errors.ts'
import type { HandshakeFraming } from './dialogue.ts'
import { Heard } from './heard.ts'

/** A packet of TDS: type, status, length with the header, process, number, window. [MS-TDS], Section 2.2.3.1. */
export const PacketType = { TABULAR_RESULT: 0x04, PRELOGIN: 0x12 } as const
export const headerBytes = 8
/** What both sides take before they have agreed on another size. */
export const packetBytes = 4096

const LAST_OF_MESSAGE = 1

export function encodePacket(type: number, status: number, data: Uint8Array): Uint8Array {
  const packet = new Uint8Array(headerBytes + data.length)
  packet.set([type, status, packet.length >> 8, packet.length & 0xff])
  packet.set(data, headerBytes)
  return packet
}

/** A message in as many packets as it needs. */
export function encodeMessage(type: number, data: Uint8Array): Uint8Array {
  const message = new Heard()
  const room = packetBytes - headerBytes
  for (let at = 0; at === 0 || at < data.length; at += room) {
    const status = at + room >= data.length ? LAST_OF_MESSAGE : 0
    message.add(encodePacket(type, status, data.subarray(at, at + room)))
  }
  return message.unread
}

/**
 * TLS's handshake inside packets of the type PRELOGIN. [MS-TDS], Section 3.2.5.2. Behind the handshake, TLS is on the wire as it is; that
 * is also how it is told apart when it comes, for a server may be done with the handshake before we are.
 */
export function preloginFraming(): HandshakeFraming {
  const heard = new Heard()
  let leftInPacket = 0
  let isBare = false
  return {
    wrap: (ciphertext) => encodeMessage(PacketType.PRELOGIN, ciphertext),
    unwrap(wire) {
      heard.add(wire)
      const out = new Heard()
      for (;;) {
        const length = isBare ? heard.length : Math.min(leftInPacket, heard.length)
        out.add(heard.take(length))
        leftInPacket -= Math.min(length, leftInPacket)
        const [type] = heard.unread
        if (type === undefined || leftInPacket > 0) return out.unread
        if (type >= firstRecordType && type <= lastRecordType) isBare = true
        else if (heard.length < headerBytes) return out.unread
        else leftInPacket = dataBytes(heard.take(headerBytes))
      }
    },
  }
}

/** Records of TLS begin with these: RFC 9846, Section 5.1. */
const firstRecordType = 20
const lastRecordType = 24

function dataBytes([type = 0, , high = 0, low = 0]: Uint8Array): number {
  const length = high * 256 + low - headerBytes
  if (type === PacketType.PRELOGIN && length >= 0) return length
  throw new StartTLSError(
    'ERR_TLS_STARTTLS_MALFORMED',
    'tds',
    `expected a packet of the type PRELOGIN with TLS in it, the server sent one of the type ${type}`,
  )
}
