import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { Session, TLSClientConfiguration, UsageError } from 'polytls'
import { type SessionPurpose, sessionBindingOf } from '#polytls/channel/session-binding.js'
import { stateOf } from '#polytls/config/session.js'
import { sessionWith } from '../support/sessions.ts'

describe('a session', () => {
  const session = sessionWith({
    peerChain: [Buffer.of(1, 2), Buffer.of(3)],
    state: Buffer.from('the secret'),
    maxEarlyDataBytes: 7,
  })

  it('is what it was although the memory that it was read from is wiped', () => {
    const bytes = Buffer.from(session.serialize())
    const again = Session.deserialize(bytes)
    bytes.fill(0)
    assert.deepEqual(again.serialize(), session.serialize())
  })

  it('is the same when it was serialized and read again', () => {
    const again = Session.deserialize(session.serialize())
    assert.deepEqual({ ...again }, { ...session, peerChain: session.peerChain.map((each) => new Uint8Array(each)) })
    assert.deepEqual(Buffer.from(stateOf(again)).toString(), 'the secret')
    assert.deepEqual(again.serialize(), session.serialize())
  })

  it('says how long it lasts, and nothing of its secrets', () => {
    assert.equal(session.lifetimeSeconds, 3600)
    assert.ok(!inspect(session, { depth: 9, showHidden: true }).includes('secret'))
    assert.ok(!JSON.stringify(session).includes(Buffer.from('the secret').toString('base64')))
    assert.throws(() => {
      ;(session as { verified: boolean }).verified = true
    }, TypeError)
  })

  it('without a name or a protocol stays without', () => {
    const again = Session.deserialize(sessionWith({ serverName: undefined, innerProtocol: undefined }).serialize())
    assert.equal(again.serverName, undefined)
    assert.equal(again.innerProtocol, undefined)
  })

  it('is refused where it was cut, grew, or is something else', () => {
    const bytes = session.serialize()
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => Session.deserialize(bytes.subarray(0, length)), UsageError, `${length} bytes`)
    }
    assert.throws(() => Session.deserialize(Buffer.concat([bytes, Buffer.of(0)])), UsageError)
    assert.throws(() => Session.deserialize(Buffer.of(99, ...bytes.subarray(1))), UsageError)
    assert.throws(() => Session.deserialize('text' as never), TypeError)
  })
})

describe('what a session is bound to', () => {
  const purpose: SessionPurpose = {
    backend: 'b',
    serverName: 'host.example',
    service: 'host.example:443',
    ownCertificate: undefined,
  }
  const configuration = new TLSClientConfiguration({ innerProtocols: ['h2'] })
  const binding = (given = configuration, change: Partial<SessionPurpose> = {}): string =>
    sessionBindingOf(given, { ...purpose, ...change }).text

  it('is the backend, the host, the service and the configuration', () => {
    const all = [
      binding(),
      binding(configuration, { backend: 'c' }),
      binding(configuration, { serverName: 'other.example' }),
      binding(configuration, { service: 'host.example:444' }),
      binding(configuration, { ownCertificate: Uint8Array.of(1) }),
      binding(configuration, { ownCertificate: Uint8Array.of(2) }),
      binding(configuration.with({ innerProtocols: ['h3'] })),
      binding(configuration.with({ lowestSupportedVersion: 'TLSv1.3' })),
      // The borders between the parts cannot be moved.
      binding(configuration, { serverName: 'host.exampl', service: 'ehost.example:443' }),
    ]
    assert.equal(new Set(all).size, all.length)
  })

  it('is not where sessions are kept, what is logged, and how long one waits', () => {
    const other = configuration.with({ keyLog: () => {}, handshakeTimeoutMilliseconds: 1, sessions: 'none' })
    assert.equal(binding(other), binding())
  })

  it('means nothing to other processes where functions are part of it', () => {
    const isProcessBound = (given: TLSClientConfiguration): boolean => sessionBindingOf(given, purpose).isProcessBound
    assert.equal(isProcessBound(configuration), false)
    assert.equal(isProcessBound(configuration.with({ verifyPeer: () => ({ accept: true }) })), true)
    assert.equal(isProcessBound(configuration.with({ chooseCertificate: () => undefined })), true)
  })
})
