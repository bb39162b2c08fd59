import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AlertReceivedError, BackendError, NegotiationError, ProtocolError, RaggedEOFError } from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { encrypted, plainAlert } from './records.ts'
import { cast, derOf, established, helloOf12, helloOf13, lastFlight, opened, setting, thrownBy } from './setting.ts'

const ISC = 'InitializeSecurityContext'

describe('the handshake of a client', () => {
  it('begins with the name and the protocols, and without a token', async () => {
    const at = setting()
    await opened(at, { innerProtocols: ['h2', 'http/1.1'] })
    const [call] = at.security.calls
    assert.equal(call?.targetName, 'server.test')
    assert.equal(call?.token, undefined)
    assert.equal(call?.context, undefined)
    assert.deepEqual(
      Buffer.from(call?.applicationProtocols ?? []).toString('hex'),
      // Length, SecApplicationProtocolNegotiationExt_ALPN, length of the list, and each name behind its own.
      '12000000020000000c00026832' + '08687474702f312e31',
    )
  })

  it('does not send an address as a name', async () => {
    const at = setting()
    await opened(at, {}, '192.0.2.1')
    assert.equal(at.security.calls[0]?.targetName, undefined)
  })

  it('gives the protocols once', async () => {
    const at = setting()
    await established(at, helloOf13, { innerProtocols: ['h2'] })
    assert.deepEqual(
      at.security.calls.map(({ applicationProtocols }) => applicationProtocols !== undefined),
      [true, false],
    )
  })

  it('does not trouble Schannel with parts of records', async () => {
    const at = setting()
    const channel = await opened(at)
    for (const byte of helloOf13.subarray(0, -1)) {
      channel.processIncoming(Uint8Array.of(byte))
      assert.equal(channel.handshake(), 'want-read')
    }
    at.security.script = [{ call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, input: helloOf13 }]
    channel.processIncoming(helloOf13.subarray(-1))
    assert.equal(channel.handshake(), 'want-read')
    at.security.assertScriptDone()
  })

  it('SEC_E_INCOMPLETE_MESSAGE: waits for one more record and gives all of them again', async () => {
    const at = setting()
    const channel = await opened(at)
    at.security.script = [{ call: ISC, status: Status.SEC_E_INCOMPLETE_MESSAGE, input: helloOf13 }]
    channel.processIncoming(helloOf13)
    assert.equal(channel.handshake(), 'want-read')
    assert.equal(channel.handshake(), 'want-read')
    const more = encrypted('more')
    at.security.script = [{ call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, input: Buffer.concat([helloOf13, more]) }]
    channel.processIncoming(more)
    assert.equal(channel.handshake(), 'want-read')
    at.security.assertScriptDone()
    assert.equal(channel.incomingBytesBuffered, 0)
  })

  it('SECBUFFER_EXTRA: what was not used is given again, with SEC_I_CONTINUE_NEEDED at once', async () => {
    const at = setting()
    const { server } = await cast()
    at.security.peerChain = [derOf(server)]
    const channel = await opened(at)
    const second = encrypted('the rest of the flight')
    const data = encrypted('data')
    at.security.script = [
      { call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, extraBytes: second.byteLength + data.byteLength },
      {
        call: ISC,
        status: Status.SEC_E_OK,
        extraBytes: data.byteLength,
        input: Buffer.concat([second, data]),
        token: lastFlight,
      },
    ]
    channel.processIncoming(Buffer.concat([helloOf13, second, data]))
    assert.equal(channel.handshake(), 'done')
    assert.equal(channel.incomingBytesBuffered, data.byteLength)
    at.security.script = [{ call: 'DecryptMessage', status: Status.SEC_E_OK, data: 'data', input: data }]
    assert.equal(Buffer.from(channel.read(100) as Uint8Array).toString(), 'data')
  })

  it('waits for more where Schannel neither uses nor says anything', async () => {
    const at = setting()
    const channel = await opened(at)
    at.security.script = [{ call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, extraBytes: helloOf13.byteLength }]
    channel.processIncoming(helloOf13)
    assert.equal(channel.handshake(), 'want-read')
    at.security.assertScriptDone()
  })

  it('SEC_I_INCOMPLETE_CREDENTIALS: goes on with the same input once, and no more', async () => {
    const at = setting()
    const { server } = await cast()
    at.security.peerChain = [derOf(server)]
    const channel = await opened(at)
    at.security.script = [
      { call: ISC, status: Status.SEC_I_INCOMPLETE_CREDENTIALS, extraBytes: helloOf12.byteLength, input: helloOf12 },
      { call: ISC, status: Status.SEC_E_OK, token: lastFlight, input: helloOf12 },
    ]
    channel.processIncoming(helloOf12)
    assert.equal(channel.handshake(), 'done')

    const again = setting()
    const second = await opened(again)
    again.security.script = [
      { call: ISC, status: Status.SEC_I_INCOMPLETE_CREDENTIALS },
      { call: ISC, status: Status.SEC_I_INCOMPLETE_CREDENTIALS },
    ]
    second.processIncoming(helloOf12)
    assert.match(thrownBy(() => second.handshake()).message, /SEC_I_INCOMPLETE_CREDENTIALS/)
  })

  it('an alert that Schannel makes of an error is sent, and the error names the status', async () => {
    const at = setting()
    const channel = await opened(at)
    at.security.script = [{ call: ISC, status: Status.SEC_E_INVALID_TOKEN, token: plainAlert(47) }]
    channel.processIncoming(helloOf13)
    const error = thrownBy(() => channel.handshake())
    assert.ok(error instanceof ProtocolError)
    assert.equal(error.alert, 'illegal_parameter')
    assert.match(error.message, /SEC_E_INVALID_TOKEN \(0x80090308\)/)
    assert.ok(error.cause instanceof BackendError)
    assert.equal(error.cause.nativeCode, 'SEC_E_INVALID_TOKEN (0x80090308)')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), plainAlert(47))
    assert.equal(
      thrownBy(() => channel.handshake()),
      error,
    )
  })

  for (const [status, alert, subject] of [
    [Status.SEC_E_ALGORITHM_MISMATCH, 40, 'cipher-suite'],
    [Status.SEC_E_UNSUPPORTED_FUNCTION, 70, 'version'],
    [Status.SEC_E_APPLICATION_PROTOCOL_MISMATCH, 120, 'inner-protocol'],
    [Status.SEC_E_ILLEGAL_MESSAGE, 40, 'cipher-suite'],
  ] as const) {
    it(`0x${status.toString(16)} with an alert of our own is a disagreement about the ${subject}`, async () => {
      const at = setting()
      const channel = await opened(at)
      at.security.script = [{ call: ISC, status, token: plainAlert(alert) }]
      channel.processIncoming(helloOf13)
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof NegotiationError, String(error))
      assert.equal(error.subject, subject)
    })
  }

  it('an alert in the clear is told by its name, whatever Schannel makes of it', async () => {
    for (const [code, name] of [
      [40, 'handshake_failure'],
      [70, 'protocol_version'],
      [112, 'unrecognized_name'],
    ] as const) {
      const at = setting()
      const channel = await opened(at)
      at.security.script = [{ call: ISC, status: Status.SEC_E_ILLEGAL_MESSAGE }]
      channel.processIncoming(plainAlert(code))
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof AlertReceivedError)
      assert.equal(error.alert, name)
    }
  })

  for (const [status, alert] of [
    [Status.SEC_E_MESSAGE_ALTERED, 'bad_record_mac'],
    [Status.SEC_E_DECRYPT_FAILURE, 'decrypt_error'],
    [Status.CRYPT_E_REVOKED, 'certificate_revoked'],
    [Status.SEC_E_CERT_EXPIRED, 'certificate_expired'],
    [Status.SEC_E_UNTRUSTED_ROOT, 'unknown_ca'],
    [Status.SEC_E_LOGON_DENIED, 'access_denied'],
    [Status.SEC_E_ALGORITHM_MISMATCH, 'insufficient_security'],
  ] as const) {
    it(`0x${status.toString(16)} for something encrypted is the peer's alert ${alert}`, async () => {
      const at = setting()
      const channel = await opened(at)
      at.security.script = [
        { call: ISC, status: Status.SEC_I_CONTINUE_NEEDED },
        { call: ISC, status },
      ]
      channel.processIncoming(helloOf13)
      channel.handshake()
      channel.processIncoming(encrypted('an alert'))
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, alert)
    })
  }

  it('a status that stands for several alerts invents none of them', async () => {
    for (const status of [Status.SEC_E_ILLEGAL_MESSAGE, Status.SEC_E_CERT_UNKNOWN, Status.SEC_E_INTERNAL_ERROR]) {
      const at = setting()
      const channel = await opened(at)
      at.security.script = [
        { call: ISC, status: Status.SEC_I_CONTINUE_NEEDED },
        { call: ISC, status },
      ]
      channel.processIncoming(helloOf13)
      channel.handshake()
      channel.processIncoming(encrypted('an alert'))
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof ProtocolError, String(error))
      assert.equal(error.alert, undefined)
      assert.match(error.message, /alerts/)
    }
  })

  it('what is no TLS never reaches Schannel', async () => {
    const at = setting()
    const channel = await opened(at)
    channel.processIncoming(Buffer.from('220 mail.test'))
    const error = thrownBy(() => channel.handshake())
    assert.ok(error instanceof ProtocolError)
    assert.equal(error.code, 'ERR_TLS_NOT_TLS')
    assert.match(error.message, /220/)
  })

  it('an end of the transport is an error in every stage', async () => {
    const at = setting()
    const channel = await opened(at)
    channel.processIncoming(helloOf13.subarray(0, 7))
    channel.endIncoming()
    assert.ok(thrownBy(() => channel.handshake()) instanceof RaggedEOFError)
  })
})
