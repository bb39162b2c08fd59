import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemorySessionCache } from 'polytls'
import { MemoryReplayGuard } from '#polytls/channel/memory-replay-guard.js'
import { MemorySessionStore } from '#polytls/channel/memory-session-store.js'
import { RotatingTicketKeys } from '#polytls/channel/rotating-ticket-keys.js'
import { isOfferable } from '#polytls/channel/session-binding.js'
import { sessionWith } from '../support/sessions.ts'

describe('the cache of sessions', () => {
  it('gives the newest session of a key first, and each of TLS 1.3 once', () => {
    const cache = new MemorySessionCache()
    const [first, second] = [sessionWith(), sessionWith()]
    cache.put('a', first)
    cache.put('a', second)
    cache.put('b', sessionWith())
    assert.equal(cache.take('a'), second)
    assert.equal(cache.take('a'), first)
    assert.equal(cache.take('a'), undefined)
    assert.equal(cache.take('nowhere'), undefined)
    assert.equal(cache.size, 1)
  })

  it('gives a session of TLS 1.2 again, until a newer one takes its place', () => {
    const cache = new MemorySessionCache()
    const [older, newer] = [sessionWith({ version: 'TLSv1.2' }), sessionWith({ version: 'TLSv1.2' })]
    cache.put('a', older)
    assert.equal(cache.take('a'), older)
    assert.equal(cache.take('a'), older)
    cache.put('a', newer)
    assert.equal(cache.take('a'), newer)
    assert.equal(cache.size, 1)
  })

  it('forgets the one that it is told to, and no other', () => {
    const cache = new MemorySessionCache()
    const [first, second, third] = [sessionWith(), sessionWith(), sessionWith()]
    for (const session of [first, second]) cache.put('a', session)
    cache.remove('a', third)
    cache.remove('b', first)
    assert.equal(cache.size, 2)
    const { bytes } = cache
    cache.remove('a', first)
    cache.remove('a', first)
    assert.deepEqual([cache.size, cache.bytes], [1, bytes / 2])
    assert.equal(cache.take('a'), second)
    assert.deepEqual([cache.size, cache.bytes], [0, 0])
  })

  it('forgets what was not touched for longest where there are too many, in all or of one server', () => {
    const cache = new MemorySessionCache({ maxSessions: 3, maxSessionsPerKey: 2 })
    const sessions = [1, 2, 3].map(() => sessionWith())
    for (const session of sessions) cache.put('a', session)
    assert.equal(cache.size, 2)
    cache.put('b', sessionWith())
    cache.put('c', sessionWith())
    assert.equal(cache.size, 3)
    assert.equal(cache.take('a'), sessions[2])
    assert.equal(cache.take('a'), undefined)
  })

  it('holds 100,000 sessions in no more memory than it was given', () => {
    const maxBytes = 64 * 1024 * 1024
    const cache = new MemorySessionCache({ maxSessions: 100_000, maxBytes })
    for (let index = 0; index < 120_000; index++) cache.put(`host ${index}`, sessionWith())
    assert.equal(cache.size, 100_000)
    assert.ok(cache.bytes <= maxBytes)
    const large = new MemorySessionCache({ maxBytes: 100_000 })
    for (let index = 0; index < 50; index++) large.put('one host', sessionWith({ peerChain: [Buffer.alloc(30_000)] }))
    assert.ok(large.bytes <= 100_000 && large.size === 3, `${large.size} sessions, ${large.bytes} bytes`)
    // One that is too large by itself is not kept at all.
    large.put('one host', sessionWith({ state: Buffer.alloc(200_000) }))
    assert.equal(large.size, 0)
    assert.equal(large.bytes, 0)
  })

  it('is bounded by whole numbers above zero alone', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new MemorySessionCache({ maxSessions: wrong }), RangeError)
      assert.throws(() => new MemorySessionCache({ maxBytes: wrong }), RangeError)
    }
  })
})

describe('whether a session can be offered', () => {
  const session = sessionWith({ receivedAtMilliseconds: 1000, expiresAtMilliseconds: 2000 })
  const now = { backend: 'a backend', binding: 'a binding', nowMilliseconds: 1500 }
  for (const [what, change, offerable] of [
    ['while it lasts', {}, true],
    ['at its first moment', { nowMilliseconds: 1000 }, true],
    ['at its end', { nowMilliseconds: 2000 }, false],
    ['before it was received, by a clock that was set back', { nowMilliseconds: 999 }, false],
    ['by another backend', { backend: 'another' }, false],
    ['for another purpose', { binding: 'another' }, false],
  ] as const) {
    it(`${offerable ? 'yes' : 'no'} ${what}`, () => {
      assert.equal(isOfferable(session, { ...now, ...change }), offerable)
    })
  }

  it('no where its ticket would leave the hello no room', () => {
    const { receivedAtMilliseconds, expiresAtMilliseconds } = session
    const times = { receivedAtMilliseconds, expiresAtMilliseconds }
    const offerable = (length: number) => isOfferable(sessionWith({ ...times, state: new Uint8Array(length) }), now)
    assert.deepEqual([offerable(48 * 1024), offerable(48 * 1024 + 1)], [true, false])
  })
})

describe("a server's store of sessions", () => {
  let now = 0
  const store = new MemorySessionStore({ maxSessions: 2, now: () => now })
  const [id, session] = [Buffer.of(1), Buffer.of(9)]

  it('gives a session once or again, and not after its time', () => {
    store.put(id, session, 100)
    assert.equal(store.get(id, { once: false }), session)
    assert.equal(store.get(id, { once: true }), session)
    assert.equal(store.get(id, { once: true }), undefined)
    store.put(id, session, 100)
    now = 100
    assert.equal(store.get(id, { once: false }), undefined)
    assert.equal(store.size, 0)
  })

  it('forgets the oldest where there are too many', () => {
    for (const each of [1, 2, 3]) store.put(Buffer.of(each), session, 1000)
    assert.equal(store.size, 2)
    assert.equal(store.get(Buffer.of(1), { once: false }), undefined)
    assert.equal(store.get(Buffer.of(3), { once: false }), session)
  })
})

describe('the guard against replays', () => {
  it('admits each once, for as long as it matters', () => {
    let now = 0
    const guard = new MemoryReplayGuard({ now: () => now })
    assert.equal(guard.admit(Buffer.of(1), 100), true)
    assert.equal(guard.admit(Buffer.of(1), 100), false)
    assert.equal(guard.admit(Buffer.of(2), 100), true)
    now = 100
    assert.equal(guard.admit(Buffer.of(3), 200), true)
    assert.equal(guard.size, 1)
  })

  it('admits nothing while it is full', () => {
    let now = 0
    const guard = new MemoryReplayGuard({ maxEntries: 2, now: () => now })
    assert.deepEqual(
      [1, 2, 3].map((each) => guard.admit(Buffer.of(each), 100)),
      [true, true, false],
    )
    now = 100
    assert.equal(guard.admit(Buffer.of(3), 200), true)
  })
})

describe('keys for tickets', () => {
  it('are replaced by time, stay for as long as tickets do, and are then forgotten', () => {
    let now = 0
    let drawn = 0
    const random = (length: number): Uint8Array => new Uint8Array(length).fill(++drawn)
    const keys = new RotatingTicketKeys({ random, now: () => now, rotationSeconds: 10, lifetimeSeconds: 10 })
    const [first] = keys.current()
    assert.deepEqual([first?.name.length, first?.secret.length], [16, 32])
    now = 9_999
    assert.deepEqual(keys.current(), [first])
    now = 10_000
    const [second, ...older] = keys.current()
    assert.notDeepEqual(second, first)
    assert.deepEqual(older, [first])
    now = 20_000
    assert.deepEqual(keys.current().slice(1), [second])
    now = 100_000
    assert.equal(keys.current().length, 1)
    // A clock that was set back makes new keys rather than to keep old ones for ever.
    now = 0
    assert.notEqual(keys.current()[0]?.secret[0], drawn - 3)
  })

  it('are as many as tickets that live for long need', () => {
    let now = 0
    const random = (length: number): Uint8Array => Buffer.alloc(length, now / 1000)
    const keys = new RotatingTicketKeys({ random, now: () => now, rotationSeconds: 10, lifetimeSeconds: 35 })
    for (; now < 200_000; now += 10_000) keys.current()
    const made = (): unknown => keys.current().map(({ secret }) => secret[0])
    now = 194_999
    assert.deepEqual(made(), [190, 180, 170, 160, 150])
    now = 195_000
    assert.deepEqual(made(), [190, 180, 170, 160], 'the last ticket of a key has ended, and so has the key')
  })
})
