import { ByteReader } from '../codec/byte-reader.ts'
import { ByteWriter } from '../codec/byte-writer.ts'
import { DecodeError } from '../codec/decode-error.ts'

/** What a broker says before it lets anybody in: AMQP 1.0, Sections 2.2 and 5.3. Bytes in, bytes out. */

/** The header that asks for SASL. */
export const saslHeader: Uint8Array = Uint8Array.of(0x41, 0x4d, 0x51, 0x50, 3, 1, 0, 0)

/** How a broker answered the header, or an attempt to come in. */
export type Answer =
  /** By which mechanisms it lets clients in. */
  | { readonly kind: 'mechanisms'; readonly names: readonly string[] }
  /** Of an attempt: 0 is welcome, 1 a refusal, above that a failure of the system's. Section 5.3.3.6. */
  | { readonly kind: 'outcome'; readonly code: number }
  /** It speaks AMQP, but this. */
  | { readonly kind: 'other-protocol'; readonly name: string }
  | { readonly kind: 'no-amqp'; readonly said: Uint8Array }

/** Reads answers from what came so far; one read is taken away. */
export class BrokerAnswers {
  #bytes: Uint8Array = new Uint8Array(0)
  #sawHeader = false

  /** @throws DecodeError where a broker says more than one would. */
  add(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#bytes.length + bytes.length)
    all.set(this.#bytes)
    all.set(bytes, this.#bytes.length)
    this.#bytes = all
    if (all.length > maxBytes) throw new DecodeError('AMQP', `more than ${maxBytes} bytes before the first answer`)
  }

  /** `undefined` as long as more is needed. @throws DecodeError for what is no answer. */
  next(): Answer | undefined {
    if (!this.#sawHeader) {
      const header = this.#bytes.subarray(0, headerLength)
      if (header.some((byte, index) => index < 4 && byte !== saslHeader[index]))
        return { kind: 'no-amqp', said: this.#bytes.slice(0, 60) }
      if (header.length < headerLength) return undefined
      this.#bytes = this.#bytes.subarray(headerLength)
      this.#sawHeader = true
      const [id, ...version] = header.subarray(4)
      if (id !== 3) return { kind: 'other-protocol', name: nameOf(id as number, version) }
    }
    const [a = 0, b = 0, c = 0, d = 0] = this.#bytes
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    if (this.#bytes.length < 4 || this.#bytes.length < Math.min(length, maxBytes)) return undefined
    const frame = new ByteReader(this.#bytes.slice(0, length), 'SASL frame')
    this.#bytes = this.#bytes.subarray(length)
    return readFrame(frame)
  }
}

/** Asks to be let in by this mechanism, with what it wants at once. */
export function encodeSaslInit(mechanism: string, response: Uint8Array): Uint8Array {
  const fields = new ByteWriter()
  fields.u8(Type.sym8).vector8(new TextEncoder().encode(mechanism)).u8(Type.bin8).vector8(response)
  const body = new ByteWriter().u8(0).u8(Type.smallUlong).u8(Performative.init)
  body.u8(Type.list8).vector8((list) => list.u8(2).raw(fields.finish()))
  // The length counts itself.
  return new ByteWriter()
    .u32(8 + body.length)
    .u8(2)
    .u8(1)
    .u16(0)
    .raw(body.finish())
    .finish()
    .slice()
}

function readFrame(frame: ByteReader): Answer {
  frame.u32('size')
  const offset = frame.u8('doff')
  if (frame.u8('type') !== 1) throw frame.fault('not of SASL', 'type')
  frame.u16('channel')
  if (offset < 2) throw frame.fault('inside the header', 'doff')
  frame.take(4 * (offset - 2), 'extended_header')
  if (frame.u8('constructor') !== 0) throw frame.fault('not described', 'body')
  const performative = readUlong(frame)
  const list = readList(frame)
  if (performative === Performative.mechanisms) return { kind: 'mechanisms', names: list && readSymbols(list) }
  if (performative !== Performative.outcome) throw frame.fault(`unexpected performative ${performative}`, 'body')
  if (list.u8('code_type') !== Type.ubyte) throw list.fault('no number', 'code')
  return { kind: 'outcome', code: list.u8('code') }
}

function readUlong(r: ByteReader): number {
  const type = r.u8('descriptor_type')
  if (type === Type.smallUlong) return r.u8('descriptor')
  if (type !== Type.ulong) throw r.fault('no number', 'descriptor')
  if (r.u32('descriptor') !== 0) throw r.fault('not of AMQP', 'descriptor')
  return r.u32('descriptor')
}

function readList(r: ByteReader): ByteReader {
  const type = r.u8('list_type')
  if (type === Type.list0) throw r.fault('empty', 'list')
  const list = new ByteReader(readSized(r, type, Type.list8, Type.list32), 'SASL frame')
  if (type === Type.list8) list.u8('count')
  else list.u32('count')
  return list
}

/** One symbol, or an array of them. */
function readSymbols(r: ByteReader): readonly string[] {
  const type = r.u8('symbols_type')
  if (type === Type.sym8) return [textOf(r.vector8('symbol'))]
  if (type === Type.sym32) return [textOf(r.take(r.u32('length'), 'symbol'))]
  const array = new ByteReader(readSized(r, type, Type.array8, Type.array32), 'sasl-server-mechanisms')
  const count = type === Type.array8 ? array.u8('count') : array.u32('count')
  const element = array.u8('constructor')
  if (element !== Type.sym8 && element !== Type.sym32) throw array.fault('no symbols', 'constructor')
  const names: string[] = []
  while (names.length < count)
    names.push(textOf(element === Type.sym8 ? array.vector8('symbol') : array.take(array.u32('length'), 'symbol')))
  return names
}

function readSized(r: ByteReader, type: number, short: number, long: number): Uint8Array {
  if (type === short) return r.vector8('content')
  if (type !== long) throw r.fault(`unexpected type 0x${type.toString(16)}`, 'content')
  return r.take(r.u32('size'), 'content')
}

/** RabbitMQ without its plugin answers with the version before. */
function nameOf(id: number, version: readonly number[]): string {
  if (id === 0 && version.join() === '1,0,0') return 'AMQP 1.0 without SASL'
  if (id === 0 && version.join() === '0,9,1') return 'AMQP 0-9-1'
  return `AMQP with the protocol ${id}, version ${version.join('.')}`
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes)
}

const headerLength = 8
/** A list of mechanisms has a few hundred bytes. */
const maxBytes = 16 * 1024

/** AMQP 1.0, Section 1.6. */
const Type = {
  smallUlong: 0x53,
  ulong: 0x80,
  ubyte: 0x50,
  bin8: 0xa0,
  sym8: 0xa3,
  sym32: 0xb3,
  list0: 0x45,
  list8: 0xc0,
  list32: 0xd0,
  array8: 0xe0,
  array32: 0xf0,
} as const

/** AMQP 1.0, Section 5.3.3. */
const Performative = { mechanisms: 0x40, init: 0x41, outcome: 0x44 } as const
