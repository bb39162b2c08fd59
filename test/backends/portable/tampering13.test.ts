import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { TLSError } from '#polytls/errors.js'
import { type ClientEngine, credentialOf, type ServerEngine } from './engines12.js'
import { client13, server13 } from './engines13.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
type AnyEngine = ClientEngine | ServerEngine

interface Outcome {
  readonly client: string
  readonly server: string
  readonly isComplete: boolean
  /** How much one side sent, and which bytes of it the protocol says to ignore. */
  readonly length: number
  readonly ignored: ReadonlySet<number>
}

/** A whole handshake with client authentication, in which one byte of what one side sends is changed. */
function shake(from: 'client' | 'server', position: number, flip: number): Outcome {
  const client = client13({ credential })
  const server = server13({ credentials: [credential], options: { clientAuthentication: 'required' } })
  let length = 0
  const ignored = new Set<number>()
  const carry = (sender: AnyEngine, receiver: AnyEngine, isTampered: boolean): boolean => {
    const bytes = Uint8Array.from(sender.takeOutgoing(Number.POSITIVE_INFINITY))
    if (isTampered) {
      for (const at of minorVersions(bytes)) ignored.add(length + at)
      const at = position - length
      if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] as number) ^ flip
      length += bytes.length
    }
    if (bytes.length > 0) receiver.feed(bytes)
    return bytes.length > 0
  }
  const outcome = { client: '', server: '' }
  for (let moved = true; moved; ) {
    moved = false
    for (const [name, engine, other] of [
      ['client', client, server],
      ['server', server, client],
    ] as const) {
      if (!isError(outcome[name])) outcome[name] = step(engine)
      if (carry(engine, other, name === from)) moved = true
    }
  }
  return { ...outcome, length, ignored, isComplete: client.isEstablished && server.isEstablished }
}

/** Where in the headers of records in clear the minor version stands: RFC 9846, Section 5.1. */
function minorVersions(bytes: Uint8Array): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== 23) found.push(at + 2)
    at += 5 + (((bytes[at + 3] as number) << 8) | (bytes[at + 4] as number))
  }
  return found
}

function step(engine: AnyEngine): string {
  try {
    return engine.isEstablished ? String(engine.receive()) : engine.handshake()
  } catch (error) {
    assert.ok(error instanceof TLSError, `threw ${error}`)
    assert.notEqual(error.code, 'ERR_TLS_BACKEND', String(error.cause))
    return error.code
  }
}

const isError = (outcome: string): boolean => outcome.startsWith('ERR_')

describe('TLS 1.3: what is changed on the way', () => {
  for (const from of ['client', 'server'] as const) {
    it(`each byte that a ${from} sends, one bit at a time: nobody is deceived, and nobody breaks`, () => {
      const { length, isComplete } = shake(from, -1, 0)
      assert.ok(isComplete)
      for (let position = 0; position < length; position++) {
        const outcome = shake(from, position, 1 << (position % 8))
        // A length that grew leaves a side waiting for more, which the end of the transport will tell.
        if (isError(outcome.client) || isError(outcome.server) || !outcome.isComplete) continue
        // Signatures vary in length, so that the last byte may not have been there.
        assert.ok(outcome.ignored.has(position) || position >= outcome.length, `byte ${position}`)
      }
    })
  }
})
