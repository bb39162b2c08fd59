import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from '#polytls/codec/byte-reader.js'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { ProtocolError } from '#polytls/errors.js'

const bytes = (...values: number[]) => Uint8Array.from(values)

test('numbers are big-endian and unsigned', () => {
  const reader = new ByteReader(bytes(0xff, 0xff, 0xfe, 0xff, 0xff, 0xfd, 0xff, 0xff, 0xff, 0xfc), 'numbers')
  assert.equal(reader.u8(), 0xff)
  assert.equal(reader.u16(), 0xfffe)
  assert.equal(reader.u24(), 0xfffffd)
  assert.equal(reader.u32(), 0xfffffffc)
  reader.end()
})

test('parts of a Buffer of Node are plain bytes, whose slice is a copy', () => {
  const input = Buffer.from([2, 10, 11, 12])
  const reader = new ByteReader(input, 'vectors')
  const parts = [reader.vector8(), reader.rest()]
  const copies = parts.map((part) => part.slice())
  input.fill(0)
  assert.deepEqual(copies, [bytes(10, 11), bytes(12)])
  assert.deepEqual(parts, [bytes(0, 0), bytes(0)])
})

test('vectors are views of the input, within their bounds', () => {
  const input = bytes(2, 10, 11, 0, 1, 12, 0, 0, 1, 13, 99)
  const reader = new ByteReader(input, 'vectors')
  const first = reader.vector8('first', 1, 2)
  assert.deepEqual([...first], [10, 11])
  assert.equal(first.buffer, input.buffer)
  assert.deepEqual([...reader.vector16()], [12])
  assert.deepEqual([...reader.vector24()], [13])
  assert.deepEqual([...reader.rest()], [99])
  assert.equal(reader.remaining, 0)
  assert.throws(() => new ByteReader(bytes(3, 1, 2, 3), 'ClientHello').vector8('session', 0, 2), {
    message: 'cannot decode ClientHello.session: a length of 3 bytes, where 0 to 2 are allowed',
  })
})

test('a nested reader ends where its vector ends', () => {
  const reader = new ByteReader(bytes(0, 3, 1, 2, 3, 4), 'outer')
  const inner = reader.reader16('inner')
  assert.equal(inner.u16(), 0x0102)
  assert.throws(() => inner.u16('field'), /cannot decode outer\.inner\.field: 2 bytes expected, 1 left/)
  assert.throws(() => inner.end(), /1 trailing bytes/)
  assert.equal(reader.u8(), 4)
})

test('a list of numbers has whole entries, and as many as it must', () => {
  assert.deepEqual(new ByteReader(bytes(0, 4, 0x13, 1, 0x13, 2), 'list').u16List(), [0x1301, 0x1302])
  assert.throws(() => new ByteReader(bytes(0, 3, 1, 2, 3), 'list').u16List(), /odd/)
  assert.throws(() => new ByteReader(bytes(0, 0), 'list').u16List(), /fewer than 1/)
  assert.throws(() => new ByteReader(bytes(0, 4, 1, 2), 'list').u16List(), /4 bytes expected, 2 left/)
})

test('no read goes past the end, and the error is a decode_error of the protocol', () => {
  for (const read of ['u8', 'u16', 'u24', 'u32', 'vector8', 'vector16', 'vector24', 'reader8', 'u16List'] as const) {
    for (const length of [0, 1, 2, 3]) {
      const reader = new ByteReader(new Uint8Array(length).fill(0x7f), 'short')
      if (read === 'u8' && length > 0) continue
      if (read === 'u16' && length > 1) continue
      if (read === 'u24' && length > 2) continue
      assert.throws(
        () => reader[read](),
        (error) => error instanceof DecodeError && error instanceof ProtocolError && error.alert === 'decode_error',
      )
    }
  }
})
