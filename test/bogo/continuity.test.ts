import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Continuity } from './continuity.js'
import { parseFlags, type Request } from './flags.js'

/** The connections of one test of the runner's. */
function connections(flags: string): { readonly test: Continuity; readonly requests: readonly Request[] } {
  const requests = parseFlags(flags.split(' '))
  return { test: new Continuity(requests), requests }
}

describe('what the connections of one test have in common', () => {
  it('is a clock that moves only where it is told to', () => {
    const { test } = connections('-server')
    const start = test.now()
    test.advance(19_001)
    assert.equal(test.now(), start + 19_001)
  })

  it('is a veto, which hears of a peer that resumes only where it is told to', () => {
    const resumedPeer = { chain: [], serverName: undefined, resumed: true }
    const newPeer = { chain: [], serverName: undefined }
    const quiet = connections('-resume-count 1 -on-resume-verify-fail')
    assert.equal(quiet.test.hasVeto, true)
    const [first, second] = quiet.requests
    assert.ok(first && second)
    quiet.test.begin(first)
    assert.equal(quiet.test.verifyPeer(newPeer).accept, true)
    quiet.test.begin(second)
    assert.equal(quiet.test.verifyPeer(resumedPeer).accept, true)
    assert.equal(quiet.test.verifyPeer(newPeer).accept, false)

    const loud = connections('-resume-count 1 -on-resume-verify-fail -reverify-on-resume')
    loud.test.begin(loud.requests[1] as Request)
    assert.equal(loud.test.verifyPeer(resumedPeer).accept, false)
    assert.equal(connections('-resume-count 1').test.hasVeto, false)
  })

  it('are keys of tickets, of which there is a new one where tickets are to be renewed', () => {
    const { test, requests } = connections('-server -resume-count 1 -renew-ticket')
    test.begin(requests[0] as Request)
    const [old] = test.ticketKeys.current()
    test.begin(requests[1] as Request)
    const [newest, next] = test.ticketKeys.current()
    assert.notDeepEqual(newest, old)
    assert.deepEqual(next, old)
  })

  it('is a store that counts what it is given', async () => {
    const { test } = connections('-server')
    const id = Uint8Array.of(1)
    test.storeFor('at once').put(id, Uint8Array.of(2), test.now() + 1000)
    assert.equal(test.storedSessions, 1)
    const later = test.storeFor('later').get(id, { once: true })
    assert.ok(later instanceof Promise)
    assert.deepEqual(await later, Uint8Array.of(2))
    assert.equal(test.storeFor('at once').get(id, { once: true }), undefined)
  })
})
