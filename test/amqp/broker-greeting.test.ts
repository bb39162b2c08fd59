import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerAnswers, encodeSaslInit, saslHeader } from '#polytls/amqp/broker-greeting.js'
import { DecodeError } from '#polytls/codec/decode-error.js'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const symbol = (name: string): string => Buffer.from(name).toString('hex')
/** A frame of SASL around a body. */
const frame = (body: string): Buffer => {
  const bytes = hex(body)
  const header = Buffer.alloc(8)
  header.writeUInt32BE(8 + bytes.length)
  header.set([2, 1], 4)
  return Buffer.concat([header, bytes])
}
const answerTo = (...pieces: readonly Uint8Array[]) => {
  const answers = new BrokerAnswers()
  answers.add(saslHeader)
  for (const piece of pieces) answers.add(piece)
  return answers.next()
}

describe("a broker's answers", () => {
  it('name the mechanisms, in every form that a list of symbols has', () => {
    const names = `${symbol('PLAIN')}`
    for (const [body, expected] of [
      [`00 53 40 c0 08 01 a3 05 ${names}`, ['PLAIN']],
      [`00 53 40 d0 0000000e 00000001 b3 00000005 ${names}`, ['PLAIN']],
      [`00 80 0000000000000040 c0 10 01 e0 0d 02 a3 05 ${names} 04 ${symbol('ANON')}`, ['PLAIN', 'ANON']],
      [`00 53 40 c0 14 01 f0 0000000e 00000001 b3 00000005 ${names}`, ['PLAIN']],
    ] as const) {
      assert.deepEqual(answerTo(frame(body)), { kind: 'mechanisms', names: expected }, body)
    }
  })

  it('tell how an attempt ended', () => {
    assert.deepEqual(answerTo(frame('00 53 44 c0 03 01 50 00')), { kind: 'outcome', code: 0 })
    assert.deepEqual(answerTo(frame('00 53 44 c0 03 01 50 01')), { kind: 'outcome', code: 1 })
  })

  it('come in pieces', () => {
    const whole = Buffer.concat([saslHeader, frame(`00 53 40 c0 08 01 a3 05 ${symbol('PLAIN')}`)])
    const answers = new BrokerAnswers()
    for (const byte of whole.subarray(0, -1)) {
      answers.add(Buffer.of(byte))
      assert.equal(answers.next(), undefined)
    }
    answers.add(whole.subarray(-1))
    assert.deepEqual(answers.next(), { kind: 'mechanisms', names: ['PLAIN'] })
    assert.equal(answers.next(), undefined)
  })

  it('may be of something else', () => {
    const answers = (bytes: Uint8Array) => {
      const all = new BrokerAnswers()
      all.add(bytes)
      return all.next()
    }
    assert.deepEqual(answers(hex('414d5150 00000901')), { kind: 'other-protocol', name: 'AMQP 0-9-1' })
    assert.deepEqual(answers(hex('414d5150 00010000')), { kind: 'other-protocol', name: 'AMQP 1.0 without SASL' })
    const http = Buffer.from('HTTP/1.1 400 Bad Request')
    assert.deepEqual(answers(http), { kind: 'no-amqp', said: new Uint8Array(http) })
  })

  it('that are broken or too long are errors', () => {
    for (const broken of [
      '00',
      '01 53 40',
      '00 53 40 45',
      '00 53 40 c0 05 01 a3 50 50',
      '00 53 40 c0 06 01 e0 03 09 a3 00',
      '00 53 40 c0 04 01 e0 01 00',
      '00 53 99 c0 01 00',
      '00 53 44 c0 02 01 40',
      '00 80 0000000100000040 45',
    ]) {
      assert.throws(() => answerTo(frame(broken)), DecodeError, broken)
    }
    assert.throws(() => answerTo(Buffer.alloc(20_000)), DecodeError)
    for (const length of ['00000000', '00000004', '00000007']) {
      assert.throws(() => answerTo(hex(`${length} 02 01 0000 0000 0000`)), DecodeError, length)
    }
  })

  it('are asked for by a mechanism', () => {
    assert.deepEqual(
      Buffer.from(encodeSaslInit('EXTERNAL', new Uint8Array(0))),
      frame(`00 53 41 c0 0d 02 a3 08 ${symbol('EXTERNAL')} a0 00`),
    )
  })
})
