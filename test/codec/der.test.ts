import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { DerReader, MAXIMUM_DER_DEPTH, Tag } from '#polytls/codec/der.js'
import {
  encodeBitString,
  encodeBoolean,
  encodeContext,
  encodeElement,
  encodeNull,
  encodeObjectIdentifier,
  encodeOctetString,
  encodeSequence,
  encodeUnsigned,
} from '#polytls/codec/der-writer.js'
import { decodeOid, encodeOid } from '#polytls/codec/oid.js'

const read = (hex: string) => new DerReader(Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')), 'value')

test('what the writer writes, the reader reads', () => {
  const der = encodeSequence(
    encodeBoolean(true),
    encodeUnsigned(300),
    encodeUnsigned(Uint8Array.of(0, 0, 0x80)),
    encodeObjectIdentifier('1.2.840.113549.1.1.11'),
    encodeBitString(Uint8Array.of(0xa0), 5),
    encodeOctetString(Uint8Array.of(1), Uint8Array.of(2)),
    encodeNull(),
    encodeContext(3, encodeElement(Tag.UTF8_STRING, new Uint8Array(300))),
  )
  const outer = new DerReader(der, 'value')
  const reader = outer.sequence()
  outer.end()
  assert.equal(reader.boolean(), true)
  assert.equal(reader.smallInteger(), 300)
  assert.deepEqual([...reader.unsigned()], [0x80])
  assert.equal(reader.oid(), '1.2.840.113549.1.1.11')
  assert.deepEqual(reader.bits(), { bytes: Uint8Array.of(0xa0), unusedBits: 5 })
  assert.deepEqual([...reader.octetString()], [1, 2])
  reader.null()
  assert.equal(reader.optional(0xa3)?.content(Tag.UTF8_STRING).length, 300)
  assert.equal(reader.optional(0xa3), undefined)
  reader.end()
})

test('what BER allows and DER does not is refused', () => {
  const refused: [string, (reader: DerReader) => unknown][] = [
    ['30 80 00 00', (reader) => reader.sequence()],
    ['04 81 01 00', (reader) => reader.octetString()],
    ['04 82 00 01 00', (reader) => reader.octetString()],
    [`04 82 00 80${'00'.repeat(128)}`, (reader) => reader.octetString()],
    ['04 85 00 00 00 00 01 00', (reader) => reader.octetString()],
    ['04 02 00', (reader) => reader.octetString()],
    ['04 84 ff ff ff ff 00', (reader) => reader.octetString()],
    ['04', (reader) => reader.octetString()],
    ['04 82 01', (reader) => reader.octetString()],
    ['', (reader) => reader.element()],
    ['1f 81 00 00', (reader) => reader.element()],
    ['01 01 01', (reader) => reader.boolean()],
    ['01 02 ff ff', (reader) => reader.boolean()],
    ['02 00', (reader) => reader.integer()],
    ['02 02 00 7f', (reader) => reader.integer()],
    ['02 02 ff 80', (reader) => reader.integer()],
    ['02 01 80', (reader) => reader.unsigned()],
    ['02 05 01 00 00 00 00', (reader) => reader.smallInteger()],
    ['03 00', (reader) => reader.bits()],
    ['03 01 01', (reader) => reader.bits()],
    ['03 02 08 00', (reader) => reader.bits()],
    ['03 02 01 01', (reader) => reader.bits()],
    ['03 02 01 02', (reader) => reader.bitString()],
    ['05 01 00', (reader) => reader.null()],
    ['06 00', (reader) => reader.oid()],
    ['06 02 80 01', (reader) => reader.oid()],
    ['06 02 55 80', (reader) => reader.oid()],
    ['06 03 55 80 01', (reader) => reader.oid()],
    ['24 04 04 02 00 00', (reader) => reader.octetString()],
    ['05 00 00', (reader) => [reader.null(), reader.end()]],
  ]
  for (const [hex, decode] of refused) assert.throws(() => decode(read(hex)), DecodeError, hex)
  assert.equal(read('02 05 01 00 00 00 00').smallInteger('n', { saturate: true }), 0x7fffffff)
  assert.equal(read('02 01 00').smallInteger(), 0)
})

test('nesting has a limit', () => {
  let der: Uint8Array = encodeNull()
  for (let i = 0; i < MAXIMUM_DER_DEPTH + 1; i++) der = encodeSequence(der)
  let reader = new DerReader(der, 'nest')
  assert.throws(() => {
    for (;;) reader = reader.sequence()
  }, /nested deeper/)
})

test('object identifiers of any size are read and written', () => {
  for (const oid of [
    '0.0',
    '0.39',
    '1.2.840.10045.4.3.2',
    '2.5.29.17',
    '2.999.1',
    '2.25.329800735698586629295641978511506172918',
  ]) {
    assert.equal(decodeOid(encodeOid(oid)), oid)
  }
  assert.equal(decodeOid(new Uint8Array(129).fill(0x01)), undefined)
})

test('an error names what was read', () => {
  const reader = read('30 03 02 01 05').sequence('tbsCertificate')
  assert.throws(() => reader.oid('algorithm'), {
    message: 'cannot decode value.tbsCertificate.algorithm: an element with identifier 0x06 expected, found 0x02',
  })
})
