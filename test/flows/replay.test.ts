import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Participant } from './participant.ts'
import type { Recording } from './recording.ts'

const folder = fileURLToPath(new URL('../../../test/flows/recordings', import.meta.url))
const names = readdirSync(folder).filter((name) => name.endsWith('.json'))

describe('recorded conversations with real peers', () => {
  for (const name of names) {
    const recording: Recording = JSON.parse(readFileSync(join(folder, name), 'utf8'))
    const { part, events } = recording

    it(`${name.slice(0, -'.json'.length)}: the same bytes from ${recording.peer} are answered by the same bytes`, () => {
      const participant = new Participant(part)
      let sent = participant.act()
      for (const [index, [direction, content]] of events.entries()) {
        const bytes = Buffer.from(content, 'base64')
        if (direction === 'in') {
          assert.equal(sent.length, 0, `before event ${index}`)
          sent = participant.take(bytes)
          continue
        }
        const is = Buffer.from(sent).toString('base64')
        assert.equal(is, content, `event ${index}; where this is meant, record anew: npm run flows:record`)
        sent = new Uint8Array(0)
      }
      assert.equal(sent.length, 0)
      const { facts } = participant.channel
      assert.equal(Buffer.from(participant.received).toString(), recording.received)
      assert.deepEqual(
        [facts.version, facts.cipherSuite, facts.group],
        [part.version, recording.cipherSuite, recording.group],
      )
      if (part.role === 'client' || part.authenticatesClient) assert.equal(facts.verified, true)
    })
  }

  it('are of both roles and versions, several suites, with HelloRetryRequest and with client certificates', () => {
    const all = names.map((name): Recording => JSON.parse(readFileSync(join(folder, name), 'utf8')))
    for (const role of ['client', 'server'])
      for (const version of ['TLSv1.2', 'TLSv1.3']) {
        const these = all.filter(({ part }) => part.role === role && part.version === version)
        assert.ok(new Set(these.map(({ cipherSuite }) => cipherSuite)).size >= 3, `${role} ${version}`)
        assert.ok(
          these.some(({ part }) => part.authenticatesClient),
          `${role} ${version}`,
        )
        assert.ok(version === 'TLSv1.2' || these.some(({ helloRetried }) => helloRetried), role)
      }
  })
})
