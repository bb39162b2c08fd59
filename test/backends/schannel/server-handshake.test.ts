import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CertificateError, NegotiationError, TrustStore } from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { clientHello, encrypted, plainAlert } from './records.ts'
import { cast, derOf, helloOf12, helloOf13, serverOf, setting, thrownBy } from './setting.ts'

const ASC = 'AcceptSecurityContext'

describe('the handshake of a server', () => {
  const hello = clientHello({ serverName: 'Server.Test' })

  it('begins with what the client says, and reads the name that it asks for', async () => {
    const at = setting()
    const channel = await serverOf(at)
    assert.equal(channel.handshake(), 'want-read')
    at.security.script = [{ call: ASC, status: Status.SEC_I_CONTINUE_NEEDED, token: helloOf13, input: hello }]
    for (const byte of hello) channel.processIncoming(Uint8Array.of(byte))
    assert.equal(channel.handshake(), 'want-read')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), helloOf13)
    at.security.script = [{ call: ASC, status: Status.SEC_E_OK, token: encrypted('a ticket') }]
    channel.processIncoming(encrypted('finished'))
    assert.equal(channel.handshake(), 'done')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('a ticket'))
    assert.equal(channel.facts.serverName, 'server.test')
    assert.equal(channel.facts.version, 'TLSv1.3')
    assert.equal(channel.facts.verified, false)
  })

  it('does not send a choice that the configuration does not allow', async () => {
    const at = setting()
    const channel = await serverOf(at, { ciphers: [0x1302] })
    at.security.script = [{ call: ASC, status: Status.SEC_I_CONTINUE_NEEDED, token: helloOf13 }]
    channel.processIncoming(hello)
    assert.ok(thrownBy(() => channel.handshake()) instanceof NegotiationError)
    assert.deepEqual(Buffer.from(channel.processOutgoing()), plainAlert(40))
  })

  for (const [version, first, alert] of [
    ['TLSv1.3', helloOf13, 116],
    ['TLSv1.2', helloOf12, 40],
  ] as const) {
    it(`${version}: a client without a certificate is refused where one is required`, async () => {
      const at = setting()
      const { root } = await cast()
      const channel = await serverOf(at, {
        clientAuthentication: 'required',
        trustStore: TrustStore.fromBuffer(root.certificate),
      })
      at.security.script = [
        { call: ASC, status: Status.SEC_I_CONTINUE_NEEDED, token: first },
        { call: ASC, status: Status.SEC_E_OK },
        { call: 'ApplyControlToken', status: Status.SEC_E_OK, token: [2, 2, alert] },
        { call: ASC, status: Status.SEC_E_OK, token: encrypted('an alert'), input: undefined },
      ]
      channel.processIncoming(hello)
      channel.handshake()
      // ASC_REQ_MUTUAL_AUTH.
      assert.equal((at.security.calls.at(-1)?.requirements ?? 0) & 2, 2)
      channel.processIncoming(encrypted('finished'))
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof CertificateError)
      assert.equal(error.reason, 'missing')
    })
  }

  it('one with a certificate is verified as a client, and told to the veto', async () => {
    const at = setting()
    const { root, client } = await cast()
    const channel = await serverOf(at, {
      clientAuthentication: 'requested',
      trustStore: TrustStore.fromBuffer(root.certificate),
      verifyPeer: () => ({ accept: true }),
    })
    at.security.peerChain = [derOf(client)]
    at.security.script = [
      { call: ASC, status: Status.SEC_I_CONTINUE_NEEDED, token: helloOf13 },
      { call: ASC, status: Status.SEC_E_OK },
    ]
    channel.processIncoming(hello)
    channel.handshake()
    channel.processIncoming(encrypted('finished'))
    assert.equal(channel.handshake(), 'paused')
    assert.equal(at.security.policies[0]?.of, 'client')
    assert.equal(at.security.chainRequests[0]?.usage, '1.3.6.1.5.5.7.3.2')
    channel.resume({ accept: true })
    assert.equal(channel.handshake(), 'done')
    assert.equal(channel.facts.verified, true)
  })
})
