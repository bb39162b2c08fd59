import type { ByteReader } from '../../../codec/byte-reader.ts'
import type { ByteWriter } from '../../../codec/byte-writer.ts'
import { ProtocolError } from '../../../errors.ts'
import type { Empty, KeyShareEntry, OfferedPreSharedKeys, StatusRequest } from './extension-forms.ts'

/** How one extension is written in one message. `decode` leaves nothing unread: the caller checks that the reader is at its end. */
export interface Codec<T> {
  decode(reader: ByteReader): T
  encode(writer: ByteWriter, value: T): void
}

export const empty: Codec<Empty> = { decode: () => true, encode: () => {} }

export const uint16: Codec<number> = { decode: (r) => r.u16(), encode: (w, value) => w.u16(value) }
export const uint32: Codec<number> = { decode: (r) => r.u32(), encode: (w, value) => w.u32(value) }
/** `uint16 list<2..2^16-2>` */
export const uint16List: Codec<readonly number[]> = {
  decode: (r) => r.u16List(),
  encode: (w, value) => w.u16List(value),
}
/** `opaque data<0..2^8-1>` */
export const opaque8: Codec<Uint8Array> = { decode: (r) => r.vector8(), encode: (w, value) => w.vector8(value) }
/** A list of at least one number of eight bits. */
export const uint8List: Codec<Uint8Array> = {
  decode: (r) => r.vector8(undefined, 1),
  encode: (w, value) => w.vector8(value),
}
/** `opaque data<1..2^16-1>` */
export const opaque16: Codec<Uint8Array> = {
  decode: (r) => r.vector16(undefined, 1),
  encode: (w, value) => w.vector16(value),
}
/** The extension's whole content. */
export const everything: Codec<Uint8Array> = { decode: (r) => r.rest(), encode: (w, value) => w.raw(value) }

/**
 * RFC 6066, Section 3: at most one name of each type, and every type of the future begins with a length of two bytes. Whether a name
 * makes sense is not decided here, but it is text.
 */
export const serverNames: Codec<string> = {
  decode(r) {
    const list = r.reader16('server_name_list', 1)
    const seen = new Set<number>()
    let host = ''
    while (list.remaining > 0) {
      const type = list.u8('name_type')
      const name = list.vector16('name', 1)
      if (seen.has(type)) throw illegal(`server_name has two names of type ${type}`)
      seen.add(type)
      if (type === hostNameType) host = printableText(name)
    }
    return host
  },
  encode: (w, value) =>
    w.vector16((list) => list.u8(hostNameType).vector16(Uint8Array.from(value, (char) => char.charCodeAt(0)))),
}
const hostNameType = 0

function printableText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    if (byte < 0x21 || byte > 0x7e) throw illegal('the host name in server_name is not printable ASCII')
    text += String.fromCharCode(byte)
  }
  return text
}

/** RFC 6066, Section 8. */
export const statusRequest: Codec<StatusRequest> = {
  decode(r) {
    const statusType = r.u8('status_type')
    if (statusType !== 1) return { statusType, content: r.rest() }
    return {
      statusType,
      responderIds: r.vector16('responder_id_list'),
      requestExtensions: r.vector16('request_extensions'),
    }
  },
  encode(w, value) {
    w.u8(value.statusType)
    if ('content' in value) w.raw(value.content)
    else w.vector16(value.responderIds).vector16(value.requestExtensions)
  },
}

/** An OCSP response, DER, and its type before it: RFC 9846, Section 4.4.2.1. */
export const certificateStatus: Codec<Uint8Array> = {
  decode(r) {
    const statusType = r.u8('status_type')
    if (statusType !== 1) throw illegal(`certificate status of the type ${statusType}, which nobody asked for`)
    return r.vector24('response', 1)
  },
  encode: (w, value) => w.u8(1).vector24(value),
}

/** RFC 6962, Section 3.3: `SerializedSCT sct_list<1..2^16-1>`, none of them empty. */
export const timestamps: Codec<readonly Uint8Array[]> = {
  decode(r) {
    const list = r.reader16('sct_list', 1)
    const found: Uint8Array[] = []
    while (list.remaining > 0) found.push(list.vector16('SerializedSCT', 1))
    return found
  },
  encode: (w, value) =>
    w.vector16((list) => {
      for (const timestamp of value) list.vector16(timestamp)
    }),
}

/** RFC 7301, Section 3.1. */
export const protocolNames: Codec<readonly Uint8Array[]> = {
  decode(r) {
    const list = r.reader16('protocol_name_list', 2)
    const names: Uint8Array[] = []
    while (list.remaining > 0) names.push(list.vector8('protocol_name', 1))
    return names
  },
  encode: (w, value) =>
    w.vector16((list) => {
      for (const name of value) list.vector8(name)
    }),
}

/** RFC 7301, Section 3.1: the answer is a list of exactly one. */
export const protocolName: Codec<Uint8Array> = {
  decode(r) {
    const list = r.reader16('protocol_name_list', 2)
    const name = list.vector8('protocol_name', 1)
    list.end()
    return name
  },
  encode: (w, value) => w.vector16((list) => list.vector8(value)),
}

/** RFC 8449, Section 4: less than 64 is illegal; more than the protocol allows is not. */
export const recordSizeLimit: Codec<number> = {
  decode(r) {
    const limit = r.u16()
    if (limit < 64) throw illegal(`a record_size_limit of ${limit}, where 64 is the least`)
    return limit
  },
  encode: (w, value) => w.u16(value),
}

/** RFC 9846, Section 4.2.1: `ProtocolVersion versions<2..254>` */
export const versions: Codec<readonly number[]> = {
  decode(r) {
    const list = r.reader8('versions', 2, 254)
    const found: number[] = []
    while (list.remaining > 0) found.push(list.u16())
    return found
  },
  encode: (w, value) =>
    w.vector8((list) => {
      for (const version of value) list.u16(version)
    }),
}

/** RFC 8879, Section 3: `CertificateCompressionAlgorithm algorithms<2..2^8-2>`, in which nothing has a reason to stand twice. */
export const algorithms: Codec<readonly number[]> = {
  decode(r) {
    const found = versions.decode(r)
    if (new Set(found).size < found.length) throw illegal('an algorithm stands twice in compress_certificate')
    return found
  },
  encode: versions.encode,
}

/** RFC 9846, Section 4.2.8. */
export const keyShareEntry: Codec<KeyShareEntry> = {
  decode: (r) => ({ group: r.u16('group'), keyExchange: r.vector16('key_exchange', 1) }),
  encode: (w, value) => w.u16(value.group).vector16(value.keyExchange),
}
export const keyShares: Codec<readonly KeyShareEntry[]> = {
  decode(r) {
    const list = r.reader16('client_shares')
    const shares: KeyShareEntry[] = []
    const groups = new Set<number>()
    while (list.remaining > 0) {
      const share = keyShareEntry.decode(list)
      if (groups.has(share.group)) throw illegal(`two key shares of the group 0x${share.group.toString(16)}`)
      groups.add(share.group)
      shares.push(share)
    }
    return shares
  },
  encode: (w, value) =>
    w.vector16((list) => {
      for (const share of value) keyShareEntry.encode(list, share)
    }),
}

/** RFC 9846, Section 4.2.11. */
export const offeredPreSharedKeys: Codec<OfferedPreSharedKeys> = {
  decode(r) {
    const identityList = r.reader16('identities', 7)
    const identities: { identity: Uint8Array; obfuscatedTicketAge: number }[] = []
    while (identityList.remaining > 0) {
      identities.push({
        identity: identityList.vector16('identity', 1),
        obfuscatedTicketAge: identityList.u32('obfuscated_ticket_age'),
      })
    }
    const bindersLength = r.remaining
    const binderList = r.reader16('binders', 33)
    const binders: Uint8Array[] = []
    while (binderList.remaining > 0) binders.push(binderList.vector8('binder', 32))
    if (binders.length !== identities.length) {
      throw illegal(`${identities.length} pre-shared keys with ${binders.length} binders`)
    }
    return { identities, binders, bindersLength }
  },
  encode: (w, value) =>
    w
      .vector16((list) => {
        for (const each of value.identities) list.vector16(each.identity).u32(each.obfuscatedTicketAge)
      })
      .vector16((list) => {
        for (const binder of value.binders) list.vector8(binder)
      }),
}

/** RFC 9846, Section 4.2.4: `DistinguishedName authorities<3..2^16-1>` */
export const distinguishedNames: Codec<readonly Uint8Array[]> = {
  decode: (r) => decodeDistinguishedNames(r, 3),
  encode: encodeDistinguishedNames,
}

/** The same list as TLS 1.2's CertificateRequest has it: RFC 5246, Section 7.4.4, where it may be empty. */
export function decodeDistinguishedNames(r: ByteReader, minimumLength: number): readonly Uint8Array[] {
  const list = r.reader16('authorities', minimumLength)
  const names: Uint8Array[] = []
  while (list.remaining > 0) names.push(list.vector16('distinguished_name', 1))
  return names
}

export function encodeDistinguishedNames(w: ByteWriter, names: readonly Uint8Array[]): void {
  w.vector16((list) => {
    for (const name of names) list.vector16(name)
  })
}

function illegal(message: string): ProtocolError {
  return new ProtocolError(message, { alert: 'illegal_parameter' })
}
