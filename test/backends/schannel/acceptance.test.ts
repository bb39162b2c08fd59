import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CertificateError, type TLSBuffer } from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { encrypted } from './records.ts'
import {
  cast,
  chainOf,
  clientOf,
  derOf,
  helloOf13,
  lastFlight,
  opened,
  type Setting,
  setting,
  thrownBy,
} from './setting.ts'

const ISC = 'InitializeSecurityContext'

describe('the peer is accepted or not', () => {
  const negotiated = async (at: Setting, hello: Buffer, options: object): Promise<TLSBuffer> => {
    const { server } = await cast()
    at.security.peerChain = [derOf(server)]
    const channel = await opened(at, options)
    at.security.script = [{ call: ISC, status: Status.SEC_E_OK, token: lastFlight }]
    channel.processIncoming(hello)
    return channel
  }
  const alertOf = (number: number) => [
    // SCHANNEL_ALERT, TLS1_ALERT_FATAL.
    { call: 'ApplyControlToken', status: Status.SEC_E_OK, token: [2, 2, number] } as const,
    { call: ISC, status: Status.SEC_E_OK, token: encrypted('an alert'), input: undefined } as const,
  ]

  it('nothing of the last flight leaves before the veto has accepted', async () => {
    const at = setting()
    const channel = await negotiated(at, helloOf13, { verifyPeer: () => ({ accept: true }) })
    assert.equal(channel.handshake(), 'paused')
    assert.equal(channel.outgoingBytesBuffered, 0)
    assert.equal(channel.handshake(), 'paused')
    const { pause } = channel
    assert.ok(pause?.kind === 'verify-peer')
    assert.equal(pause.peer.serverName, 'server.test')
    assert.equal(pause.peer.chain.length, 1)
    channel.resume({ accept: true })
    assert.equal(channel.handshake(), 'done')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), lastFlight)
  })

  it('a veto is an alert behind the last flight', async () => {
    const at = setting()
    const channel = await negotiated(at, helloOf13, { verifyPeer: () => ({ accept: true }) })
    channel.handshake()
    channel.resume({ accept: false, reason: 'not on the list' })
    at.security.script = alertOf(42)
    const error = thrownBy(() => channel.handshake())
    assert.ok(error instanceof CertificateError)
    assert.equal(error.reason, 'vetoed')
    assert.equal(error.alert, 'bad_certificate')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), Buffer.concat([lastFlight, encrypted('an alert')]))
  })

  it('a client with a certificate does not show it to whom it refuses, not even by an alert', async () => {
    const at = setting()
    const { client } = await cast()
    at.security.importable = [derOf(client)]
    const channel = await negotiated(at, helloOf13, {
      certificateChain: chainOf(client),
      verifyPeer: () => ({ accept: true }),
    })
    channel.handshake()
    channel.resume({ accept: false, reason: 'no' })
    const error = thrownBy(() => channel.handshake())
    assert.equal(error.alert, undefined)
    assert.equal(channel.outgoingBytesBuffered, 0)
  })

  it('a fault that the chain engine finds is an alert, and no veto is asked', async () => {
    const at = setting()
    const { server } = await cast()
    at.security.chain = { errorStatus: 1, elements: [{ certificate: derOf(server), errorStatus: 1, infoStatus: 0 }] }
    const channel = await negotiated(at, helloOf13, { verifyPeer: () => ({ accept: true }) })
    at.security.script.push(...alertOf(45))
    const error = thrownBy(() => channel.handshake())
    assert.ok(error instanceof CertificateError)
    assert.equal(error.alert, 'certificate_expired')
    assert.equal(channel.pause, undefined)
  })

  it('an alert that Schannel does not make is not claimed to have been sent', async () => {
    const at = setting()
    const { server } = await cast()
    at.security.chain = { errorStatus: 1, elements: [{ certificate: derOf(server), errorStatus: 1, infoStatus: 0 }] }
    const channel = await negotiated(at, helloOf13, {})
    at.security.script.push({ call: 'ApplyControlToken', status: Status.SEC_E_UNSUPPORTED_FUNCTION })
    assert.equal(thrownBy(() => channel.handshake()).alert, undefined)
    assert.equal(channel.outgoingBytesBuffered, 0)
  })

  it('everything is freed when a channel is disposed of, in whatever stage', async () => {
    for (const stage of ['new', 'opened', 'paused', 'done'] as const) {
      const at = setting()
      const channel =
        stage === 'new'
          ? await clientOf(at)
          : stage === 'opened'
            ? await opened(at)
            : await negotiated(at, helloOf13, stage === 'paused' ? { verifyPeer: () => ({ accept: true }) } : {})
      if (stage === 'paused' || stage === 'done') channel.handshake()
      channel[Symbol.dispose]()
      channel[Symbol.dispose]()
      assert.equal(at.security.openContexts, 0)
    }
  })
})
