import type { ByteReader } from '../../../codec/byte-reader.ts'
import { ByteWriter } from '../../../codec/byte-writer.ts'
import { ProtocolError } from '../../../errors.ts'
import { decodeWhole, encodeHandshake } from './frame.ts'

/** TLS 1.2 with ECDHE: RFC 8422, Section 5.4. */
export interface ServerKeyExchange {
  readonly type: 'server_key_exchange'
  readonly group: number
  readonly publicKey: Uint8Array
  /** ServerECDHParams as they were sent: what is signed, behind both randoms. */
  readonly parameters: Uint8Array
  readonly algorithm: number
  readonly signature: Uint8Array
}

/** TLS 1.2 with ECDHE: RFC 8422, Section 5.7. */
export interface ClientKeyExchange {
  readonly type: 'client_key_exchange'
  readonly publicKey: Uint8Array
}

export function decodeServerKeyExchange(body: Uint8Array): ServerKeyExchange {
  return decodeWhole('ServerKeyExchange', body, (r) => {
    const start = r.offset
    const { group, publicKey } = decodeParameters(r)
    return {
      type: 'server_key_exchange',
      group,
      publicKey,
      parameters: body.subarray(start, r.offset),
      algorithm: r.u16('algorithm'),
      signature: r.vector16('signature'),
    }
  })
}

/** ServerECDHParams, to be signed and then sent. */
export function encodeServerParameters(group: number, publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return new ByteWriter(4 + publicKey.length).u8(namedCurve).u16(group).vector8(publicKey).finish()
}

export function encodeServerKeyExchange(
  message: Pick<ServerKeyExchange, 'parameters' | 'algorithm' | 'signature'>,
): Uint8Array<ArrayBuffer> {
  return encodeHandshake(
    'server_key_exchange',
    (w) => w.raw(message.parameters).u16(message.algorithm).vector16(message.signature),
    768,
  )
}

export function decodeClientKeyExchange(body: Uint8Array): ClientKeyExchange {
  return decodeWhole('ClientKeyExchange', body, (r) => ({
    type: 'client_key_exchange',
    publicKey: r.vector8('public_key', 1),
  }))
}

export function encodeClientKeyExchange(message: Omit<ClientKeyExchange, 'type'>): Uint8Array<ArrayBuffer> {
  return encodeHandshake('client_key_exchange', (w) => w.vector8(message.publicKey))
}

/** RFC 8422, Section 5.4: curves by their parameters are gone, only names are left. */
const namedCurve = 3

function decodeParameters(r: ByteReader): { readonly group: number; readonly publicKey: Uint8Array } {
  const curveType = r.u8('curve_type')
  if (curveType !== namedCurve) {
    throw new ProtocolError(`the ServerKeyExchange has a curve of type ${curveType}, where only named ones exist`, {
      alert: 'illegal_parameter',
    })
  }
  return { group: r.u16('named_curve'), publicKey: r.vector8('public', 1) }
}
