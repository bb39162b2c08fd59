import assert from 'node:assert/strict'
import { MessageAssembler } from '#polytls/backends/portable/message-assembler.js'
import { Opener12, Sealer12 } from '#polytls/backends/portable/record/protection12.js'
import { Opener13, Sealer13 } from '#polytls/backends/portable/record/protection13.js'
import { RecordReader } from '#polytls/backends/portable/record/reader.js'
import { RecordWriter } from '#polytls/backends/portable/record/writer.js'
import { joined, mutateBytes, pick, type Random } from './random.ts'
import { attempt } from './refusal.ts'
import type { FuzzTarget } from './target.ts'
import { ToyCrypto } from './toy-crypto.ts'

/** Records in clear and protected, in pieces of any size, with changes in their headers and contents; and the messages in them. */
export const records: FuzzTarget = {
  name: 'records',
  short: 5000,
  run(random) {
    const crypto = new ToyCrypto(random)
    crypto.isCredulous = random(2) === 0
    const protection = pick([undefined, 12, 13] as const, random)
    const reader = new RecordReader()
    const writer = new RecordWriter({})
    writer.leaveFirstVersion()
    const key = new Uint8Array(16)
    const aead = crypto.createAead('aes-128-gcm', key)
    if (protection === 12) {
      writer.protect(new Sealer12(aead, new Uint8Array(4)))
      reader.protect(new Opener12(aead, new Uint8Array(4)))
    } else if (protection === 13) {
      writer.protect(new Sealer13(aead, new Uint8Array(12), { paddingMultipleBytes: 1 + random(40) }))
      reader.protect(new Opener13(aead, new Uint8Array(12), { allowsPlainAlert: random(2) === 0 }))
    }
    if (random(3) === 0) reader.openAtOnce()
    if (random(5) === 0) reader.skipEarlyData(24 * 1024)
    let stream = write(writer, random)
    for (let count = random(4); count > 0; count--) stream = mutateBytes(stream, random)
    return attempt(() => read(reader, stream, random), 'records') ? 'accepted' : 'refused'
  },
}

function write(writer: RecordWriter, random: Random): Uint8Array {
  const content = (length: number) => Uint8Array.from({ length }, () => random(256))
  for (let count = 1 + random(5); count > 0; count--) {
    const kind = random(6)
    if (kind === 0) writer.alert(1 + random(2), random(120))
    else if (kind === 1) writer.changeCipherSpec()
    else if (kind === 2) writer.data(content(random(50)))
    else if (kind === 3) writer.data(new Uint8Array(random(20) === 0 ? 20_000 : 0))
    else {
      const length = random(40)
      writer.handshake(joined(Uint8Array.of(random(30), 0, 0, length), content(random(8) === 0 ? random(50) : length)))
      if (random(2) === 0) writer.flush()
    }
  }
  writer.flush()
  return writer.take(Number.POSITIVE_INFINITY)
}

function read(reader: RecordReader, stream: Uint8Array, random: Random): void {
  const assembler = new MessageAssembler()
  for (let at = 0; at < stream.length; ) {
    const piece = stream.subarray(at, at + 1 + (random(2) === 0 ? random(12) : random(stream.length)))
    at += piece.length
    reader.feed(piece)
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      assert.ok(record.content.length <= 2 ** 14 + 256, 'a content that is too long')
      if (record.type !== 22) continue
      assembler.add(record.content)
      for (let message = assembler.next(); message !== undefined; message = assembler.next())
        assert.ok(message.length >= 4)
    }
    assert.ok(reader.buffered <= stream.length, 'more is held than came')
  }
}
