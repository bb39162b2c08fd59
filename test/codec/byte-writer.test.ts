import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader } from '#polytls/codec/byte-reader.js'
import { ByteWriter } from '#polytls/codec/byte-writer.js'
import { UsageError } from '#polytls/errors.js'

test('what is written can be read back', () => {
  const writer = new ByteWriter(1)
  writer.u8(1).u16(0x0203).u24(0x040506).u32(0xfffefdfc).raw(Uint8Array.of(9, 9)).zeros(2).u16List([0x1301])
  const reader = new ByteReader(writer.finish(), 'written')
  assert.deepEqual(
    [reader.u8(), reader.u16(), reader.u24(), reader.u32(), [...reader.take(4)], reader.u16List()],
    [1, 0x0203, 0x040506, 0xfffefdfc, [9, 9, 0, 0], [0x1301]],
  )
  reader.end()
})

test('lengths of nested vectors are filled in afterwards', () => {
  const writer = new ByteWriter()
  writer.vector24((outer) => outer.vector16((inner) => inner.vector8(new Uint8Array(200).fill(7))))
  const outer = new ByteReader(writer.finish(), 'nested').reader24()
  const inner = outer.reader16()
  assert.equal(inner.vector8().length, 200)
  inner.end()
  outer.end()
})

test('a value or a vector that its field cannot hold is refused', () => {
  assert.throws(() => new ByteWriter().u8(256), UsageError)
  assert.throws(() => new ByteWriter().u16(-1), UsageError)
  assert.throws(() => new ByteWriter().u32(1.5), UsageError)
  assert.throws(() => new ByteWriter().vector8(new Uint8Array(256)), UsageError)
  assert.equal(new ByteWriter().vector8(new Uint8Array(255)).length, 256)
})
