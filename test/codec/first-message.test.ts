import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FirstMessage } from '#polytls/codec/first-message.js'

const clientHello = 1
const record = (...content: readonly number[]): Buffer =>
  Buffer.of(22, 3, 1, content.length >> 8, content.length, ...content)

function reading(...pieces: readonly Uint8Array[]): string {
  const message = new FirstMessage()
  for (const piece of pieces) message.add(piece)
  const read = message.read(clientHello, 20)
  assert.deepEqual(Buffer.from(message.received), Buffer.concat(pieces))
  return typeof read === 'string' ? read : Buffer.from(read).toString('hex')
}

describe('the first message', () => {
  it('is read from one record, and from as many as there are', () => {
    assert.equal(reading(record(1, 0, 0, 2, 7, 8)), '010000020708')
    assert.equal(reading(record(1), record(0, 0), record(2, 7), record(8)), '010000020708')
    assert.equal(reading(record(1, 0, 0, 2, 7, 8, 99), Buffer.from('behind')), '010000020708')
  })

  it('is not there before its last byte', () => {
    const whole = Buffer.concat([record(1, 0, 0), record(2, 7, 8)])
    const message = new FirstMessage()
    for (const [index, byte] of whole.entries()) {
      assert.equal(message.read(clientHello, 20), 'incomplete', `${index} bytes`)
      message.add(Buffer.of(byte))
    }
    assert.deepEqual(message.read(clientHello, 20), new Uint8Array([1, 0, 0, 2, 7, 8]))
  })

  it('is none where something else has begun, as soon as that shows', () => {
    for (const other of [
      Buffer.from('G'),
      Buffer.of(22, 2),
      Buffer.of(22, 3, 1, 0, 0),
      Buffer.of(22, 3, 1, 0x40, 1),
      Buffer.of(21, 3, 3, 0, 2, 1, 0),
      record(2),
      record(1, 0, 0, 17),
      Buffer.concat([record(1, 0), Buffer.of(23)]),
    ]) {
      assert.equal(reading(other), 'other', other.toString('hex'))
    }
  })
})
