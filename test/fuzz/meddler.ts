import { samples } from '../backends/portable/messages/samples.js'
import { joined, mutateBytes, pick, type Random } from './random.ts'

/**
 * Changes what one side sends. With the toy cryptography a protected record is its content, the type (in TLS 1.3) and a tag, so that
 * changes in records, in messages and in their order work under protection as they do in clear.
 */
export class Meddler {
  readonly #random: Random
  readonly #seen: Uint8Array[] = []
  #changes: number

  constructor(random: Random) {
    this.#random = random
    this.#changes = random(4) === 0 ? 2 : 1
  }

  /** What arrives of a flight, in the pieces in which it arrives. */
  change(flight: Uint8Array): readonly Uint8Array[] {
    const random = this.#random
    let records: readonly Uint8Array[] = split(flight)
    this.#seen.push(...records)
    if (this.#changes > 0 && flight.length > 0 && random(2) === 0) {
      this.#changes--
      records = this.#meddle(records)
    }
    const bytes = joined(...records)
    if (bytes.length === 0) return []
    return random(4) === 0 ? pieces(bytes, random) : [bytes]
  }

  #meddle(records: readonly Uint8Array[]): readonly Uint8Array[] {
    const random = this.#random
    const at = random(records.length + 1)
    const before = records.slice(0, at)
    const [record] = records.slice(at)
    const after = records.slice(at + 1)
    if (record === undefined) return [...before, this.#foreign()]
    switch (random(14)) {
      case 0:
        return [...before, ...after]
      case 1:
        return [...before, record, record, ...after]
      case 2:
        return [...before, ...after, record]
      case 3:
        return [...before, this.#foreign(), record, ...after]
      case 4:
        return [...before, this.#seen.length > 0 ? pick(this.#seen, random) : record, ...after]
      case 5:
        return [...before, mutateBytes(record, random), ...after]
      case 6:
        return [...before, withContent(record, mutateBytes(record.subarray(5), random)), ...after]
      case 7:
        return [...before, withContent(record, record.subarray(5, 5 + random(record.length))), ...after]
      default:
        return [...before, withContent(record, changeMessages(record.subarray(5), random)), ...after]
    }
  }

  /** A record that was never sent. */
  #foreign(): Uint8Array {
    const random = this.#random
    const [type, content] = pick<readonly [number, Uint8Array]>(
      [
        [22, pick(samples, random).encoded],
        [22, Uint8Array.of(24, 0, 0, 1, random(2), 22, ...new Uint8Array(16))],
        [23, Uint8Array.of(24, 0, 0, 1, random(2), 22, ...new Uint8Array(16))],
        [23, joined(pick(samples, random).encoded, Uint8Array.of(22), new Uint8Array(16))],
        [23, Uint8Array.of(random(256), 23, ...new Uint8Array(16))],
        [23, Uint8Array.of(1 + random(2), random(120), 21, ...new Uint8Array(16))],
        [22, Uint8Array.of(0, 0, 0, 0)],
        [20, Uint8Array.of(1)],
        [21, Uint8Array.of(1 + random(2), random(120))],
        [20 + random(5), new Uint8Array(random(3))],
      ],
      random,
    )
    return joined(Uint8Array.of(type, 3, 3, content.length >> 8, content.length), content)
  }
}

function split(flight: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = []
  for (let at = 0; at + 5 <= flight.length; ) {
    const end = at + 5 + (((flight[at + 3] as number) << 8) | (flight[at + 4] as number))
    records.push(flight.slice(at, end))
    at = end
  }
  return records
}

function withContent(record: Uint8Array, content: Uint8Array): Uint8Array {
  const kept = content.subarray(0, 0xffff)
  return joined(record.subarray(0, 3), Uint8Array.of(kept.length >> 8, kept.length), kept)
}

/** Changes one of the messages that the content seems to have, with its length made right; leaves out, doubles and moves others. */
function changeMessages(content: Uint8Array, random: Random): Uint8Array {
  const messages: Uint8Array[] = []
  // TLS 1.2 has an explicit nonce in front of what is protected.
  const start = content[0] === 0 && content.length > 8 ? 8 : 0
  let at = start
  while (at + 4 <= content.length) {
    const length =
      ((content[at + 1] as number) << 16) | ((content[at + 2] as number) << 8) | (content[at + 3] as number)
    if (at + 4 + length > content.length) break
    messages.push(content.slice(at, at + 4 + length))
    at += 4 + length
  }
  const rest = content.subarray(at)
  if (messages.length === 0) return mutateBytes(content, random)
  const which = random(messages.length)
  const message = messages[which] as Uint8Array
  switch (random(8)) {
    case 0:
      messages.splice(which, 1)
      break
    case 1:
      messages.splice(which, 0, message)
      break
    case 2:
      messages.reverse()
      break
    case 3:
      messages.splice(which, 1, pick(samples, random).encoded)
      break
    default:
      messages[which] = withLength(message, random)
  }
  return joined(content.subarray(0, start), ...messages, rest)
}

function withLength(message: Uint8Array, random: Random): Uint8Array {
  let body = message.subarray(4)
  for (let count = 1 + random(2); count > 0; count--) body = mutateBytes(body, random)
  const type = random(10) === 0 ? random(26) : (message[0] as number)
  return joined(Uint8Array.of(type, body.length >> 16, body.length >> 8, body.length), body)
}

function pieces(bytes: Uint8Array, random: Random): readonly Uint8Array[] {
  const cut: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random(random(2) === 0 ? 8 : bytes.length)
    cut.push(bytes.subarray(at, at + length))
    at += length
  }
  return cut
}
