import assert from 'node:assert/strict'
import { Conversation, type ConversationOptions, type Dialogue, type Outcome, StartTLSError } from 'polytls'
import { seeded } from '../support/randomness.ts'

/** One turn of a transcript: what the peer says, or what is expected of us. */
export type Turn = { readonly peer: string | Uint8Array } | { readonly us: string | Uint8Array | RegExp }

/** How what a peer says is cut into pieces. */
export type Cut = (bytes: Uint8Array) => Iterable<Uint8Array>

export const whole: Cut = (bytes) => [bytes]

export const byteByByte: Cut = function* (bytes) {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1)
}

export function atRandom(seed: number): Cut {
  const next = seeded(seed)
  return function* (bytes) {
    for (let at = 0; at < bytes.length; ) {
      const length = 1 + Math.floor(next() * 7)
      yield bytes.subarray(at, at + length)
      at += length
    }
  }
}

/**
 * Holds a conversation as it is written down, once for each way to cut it, and answers the outcome, which is the same for all.
 * What we say has to come exactly when it is our turn, and nothing else.
 */
export function holds<Options, Learned>(
  dialogue: Dialogue<Options, Learned>,
  options: Options,
  turns: readonly Turn[],
  surroundings: ConversationOptions = {},
): Outcome<Learned> {
  const outcomes = [whole, byteByByte, atRandom(1)].map((cut) => {
    const conversation = new Conversation(dialogue, options, surroundings)
    play(conversation, turns, cut)
    assert.ok(conversation.outcome !== undefined, 'the dialogue has not come to its end')
    assert.equal(Buffer.from(conversation.takeOutgoing()).toString('latin1'), '', 'said more than was expected')
    return conversation.outcome
  })
  const [first, ...others] = outcomes.map((outcome) => JSON.stringify(outcome))
  for (const other of others) assert.equal(other, first)
  return outcomes[0] as Outcome<Learned>
}

/** The error that a conversation ends with, however it is cut. */
export function fails<Options, Learned>(
  dialogue: Dialogue<Options, Learned>,
  options: Options,
  turns: readonly Turn[],
  surroundings: ConversationOptions = {},
): StartTLSError {
  const errors = [whole, byteByByte, atRandom(2)].map((cut) => {
    const conversation = new Conversation(dialogue, options, surroundings)
    try {
      play(conversation, turns, cut)
    } catch (error) {
      if (!(error instanceof StartTLSError)) throw error
      assert.equal(error.protocol, dialogue.protocol)
      assert.ok(error.message.startsWith(`${dialogue.protocol}: `))
      assert.throws(() => conversation.receive(new Uint8Array(1)), error, 'what has failed stays failed')
      assert.throws(() => conversation.end(), error)
      return error
    }
    throw new Error(`expected an error, got ${JSON.stringify(conversation.outcome)}`)
  })
  const [first] = errors
  for (const { code } of errors) assert.equal(code, first?.code)
  return first as StartTLSError
}

/** At every point of a conversation the connection may end: that is told, and never taken for something else. */
export function endsEarlyEverywhere<Options, Learned>(
  dialogue: Dialogue<Options, Learned>,
  options: Options,
  turns: readonly Turn[],
): void {
  const length = turns.reduce((sum, turn) => sum + ('peer' in turn ? bytesOf(turn.peer).length : 0), 0)
  for (let cutAt = 0; cutAt < length; cutAt++) {
    const conversation = new Conversation(dialogue, options)
    let left = cutAt
    for (const turn of turns) {
      conversation.takeOutgoing()
      if (!('peer' in turn)) continue
      const piece = bytesOf(turn.peer).subarray(0, left)
      left -= piece.length
      if (piece.length > 0) conversation.receive(piece)
    }
    assert.equal(conversation.outcome, undefined, `an outcome after ${cutAt} of ${length} bytes`)
    assert.throws(
      () => conversation.end(),
      (error) => error instanceof StartTLSError && error.code === 'ERR_TLS_STARTTLS_ENDED',
      `cut after ${cutAt} bytes`,
    )
  }
}

/**
 * Whatever a peer sends, a conversation ends in an outcome or in an error of ours: random bytes, and the honest transcript with random
 * changes. Answers how many of each there were.
 */
export function survivesNonsense<Options, Learned>(
  dialogue: Dialogue<Options, Learned>,
  options: Options,
  turns: readonly Turn[],
  rounds = 300,
): { readonly outcomes: number; readonly errors: number } {
  const next = seeded(dialogue.protocol.length * 7919 + (dialogue.role === 'client' ? 1 : 2))
  const honest = turns.flatMap((turn) => ('peer' in turn ? [bytesOf(turn.peer)] : []))
  let outcomes = 0
  let errors = 0
  for (let round = 0; round < rounds; round++) {
    const conversation = new Conversation(dialogue, options)
    try {
      for (const original of honest) {
        const bytes = Uint8Array.from(original)
        const changes = Math.floor(next() * 3)
        for (let change = 0; change < changes; change++) bytes[Math.floor(next() * bytes.length)] = next() * 256
        conversation.receive(round % 10 === 0 ? Uint8Array.from({ length: 200 }, () => next() * 256) : bytes)
        conversation.takeOutgoing()
        if (conversation.outcome !== undefined) break
      }
      if (conversation.outcome === undefined) conversation.end()
      outcomes++
    } catch (error) {
      if (!(error instanceof StartTLSError)) throw error
      assert.ok((error.said ?? '').length <= 500)
      errors++
    }
  }
  return { outcomes, errors }
}

function play<Options, Learned>(conversation: Conversation<Options, Learned>, turns: readonly Turn[], cut: Cut): void {
  for (const turn of turns) {
    if ('peer' in turn) {
      assert.equal(Buffer.from(conversation.takeOutgoing()).toString('latin1'), '', 'said something out of turn')
      for (const piece of cut(bytesOf(turn.peer))) conversation.receive(piece)
      continue
    }
    const said = Buffer.from(conversation.takeOutgoing())
    if (turn.us instanceof RegExp) assert.match(said.toString('latin1'), turn.us)
    else assert.equal(said.toString('latin1'), Buffer.from(bytesOf(turn.us)).toString('latin1'))
  }
}

export function bytesOf(what: string | Uint8Array): Uint8Array {
  return typeof what === 'string' ? Buffer.from(what, 'utf8') : what
}
