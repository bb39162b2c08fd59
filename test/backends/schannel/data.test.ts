import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  incomingLimitBytes,
  outgoingLimitBytes,
  ProtocolError,
  RaggedEOFError,
  type TLSError,
} from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { encrypted, record } from './records.ts'
import { established, helloOf12, receive, setting } from './setting.ts'

const ISC = 'InitializeSecurityContext'
const Decrypt = 'DecryptMessage'
const text = (read: unknown): string => Buffer.from(read as Uint8Array).toString()

function thrownBy(call: () => unknown): TLSError {
  try {
    call()
  } catch (thrown) {
    return thrown as TLSError
  }
  assert.fail('nothing was thrown')
}

describe('DecryptMessage', () => {
  it('SEC_E_OK: gives data, in pieces as they are wanted', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['one', { call: Decrypt, status: Status.SEC_E_OK, data: 'hello' }])
    assert.equal(text(channel.read(2)), 'he')
    const target = Buffer.alloc(2)
    assert.equal(channel.readInto(target), 2)
    assert.equal(target.toString(), 'll')
    assert.equal(text(channel.read(100)), 'o')
    assert.equal(channel.read(100), 'want-read')
  })

  it('SEC_E_OK without data: goes on', async () => {
    const at = setting()
    const channel = await established(at)
    receive(
      channel,
      at.security,
      ['a ticket', { call: Decrypt, status: Status.SEC_E_OK }],
      ['data', { call: Decrypt, status: Status.SEC_E_OK, data: 'data' }],
    )
    assert.equal(text(channel.read(100)), 'data')
  })

  it('SEC_E_INCOMPLETE_MESSAGE: comes back with one record more', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, [
      'first',
      { call: Decrypt, status: Status.SEC_E_INCOMPLETE_MESSAGE, input: encrypted('first') },
    ])
    assert.equal(channel.read(100), 'want-read')
    assert.equal(channel.read(100), 'want-read')
    const both = Buffer.concat([encrypted('first'), encrypted('second')])
    receive(channel, at.security, ['second', { call: Decrypt, status: Status.SEC_E_OK, data: 'whole', input: both }])
    assert.equal(text(channel.read(100)), 'whole')
    assert.equal(channel.incomingBytesBuffered, 0)
  })

  it('SECBUFFER_EXTRA: is kept for the next call', async () => {
    const at = setting()
    const channel = await established(at)
    const second = encrypted('second')
    receive(channel, at.security, ['first', { call: Decrypt, status: Status.SEC_E_INCOMPLETE_MESSAGE }])
    assert.equal(channel.read(100), 'want-read')
    channel.processIncoming(second)
    at.security.script = [
      { call: Decrypt, status: Status.SEC_E_OK, data: 'one', extra: second.byteLength },
      { call: Decrypt, status: Status.SEC_E_OK, data: 'two', input: second },
    ]
    assert.equal(text(channel.read(100)), 'one')
    assert.equal(text(channel.read(100)), 'two')
  })

  it('SEC_I_CONTEXT_EXPIRED: the peer has closed, and what stands behind is released', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['close', { call: Decrypt, status: Status.SEC_I_CONTEXT_EXPIRED }])
    channel.processIncoming(Buffer.from('plain text'))
    assert.equal(channel.read(100), 'closed')
    assert.equal(text(channel.releaseIncoming()), 'plain text')
    assert.equal(channel.releaseIncoming().byteLength, 0)
    assert.equal(channel.processIncoming(Buffer.from('more')), 0)
    assert.equal(channel.read(100), 'closed')
  })

  it('SEC_E_OK for an alert of TLS 1.2 is close_notify: others are errors', async () => {
    const at = setting()
    const channel = await established(at, helloOf12)
    channel.processIncoming(record(21, Buffer.alloc(26)))
    at.security.script = [{ call: Decrypt, status: Status.SEC_E_OK }]
    assert.equal(channel.read(100), 'closed')
  })

  for (const [status, kind, alert] of [
    [Status.SEC_E_MESSAGE_ALTERED, ProtocolError, 'bad_record_mac'],
    [Status.SEC_E_DECRYPT_FAILURE, ProtocolError, 'bad_record_mac'],
    [Status.SEC_E_UNTRUSTED_ROOT, AlertReceivedError, 'unknown_ca'],
    [Status.SEC_E_CERT_EXPIRED, AlertReceivedError, 'certificate_expired'],
    [Status.CRYPT_E_REVOKED, AlertReceivedError, 'certificate_revoked'],
    [Status.SEC_E_LOGON_DENIED, AlertReceivedError, 'access_denied'],
    [Status.SEC_E_CERT_UNKNOWN, ProtocolError, undefined],
    [Status.SEC_E_ILLEGAL_MESSAGE, ProtocolError, undefined],
    [Status.SEC_E_OUT_OF_SEQUENCE, ProtocolError, undefined],
    [Status.SEC_E_INVALID_TOKEN, ProtocolError, undefined],
    [Status.SEC_E_INVALID_HANDLE, BackendError, undefined],
    [Status.SEC_E_INSUFFICIENT_MEMORY, BackendError, undefined],
    [0x8009_9999, ProtocolError, undefined],
  ] as const) {
    it(`0x${status.toString(16)}: fails for good, behind the data that was good`, async () => {
      const at = setting()
      const channel = await established(at)
      receive(
        channel,
        at.security,
        ['good', { call: Decrypt, status: Status.SEC_E_OK, data: 'good' }],
        ['bad', { call: Decrypt, status }],
      )
      assert.equal(text(channel.read(100)), 'good')
      if (alert === 'bad_record_mac') {
        at.security.script.push(
          { call: 'ApplyControlToken', status: Status.SEC_E_OK, token: [2, 2, 20] },
          { call: ISC, status: Status.SEC_E_OK, token: encrypted('an alert') },
        )
      }
      const error = thrownBy(() => channel.read(100))
      assert.ok(error instanceof kind, String(error))
      assert.equal(error.alert, alert)
      const said = error.cause instanceof Error ? error.cause.message : error.message
      assert.match(said, new RegExp(status.toString(16)))
      assert.equal(channel.outgoingBytesBuffered > 0, alert === 'bad_record_mac')
      assert.equal(
        thrownBy(() => channel.write(Buffer.of(1))),
        error,
      )
      at.security.assertScriptDone()
    })
  }

  it('in TLS 1.2 an alert can be told from damage', async () => {
    for (const [type, kind] of [
      [21, AlertReceivedError],
      [23, ProtocolError],
    ] as const) {
      const at = setting()
      const channel = await established(at, helloOf12)
      channel.processIncoming(record(type, Buffer.alloc(26)))
      at.security.script = [{ call: Decrypt, status: Status.SEC_E_MESSAGE_ALTERED }]
      if (type === 23) at.security.script.push({ call: 'ApplyControlToken', status: Status.SEC_E_INVALID_HANDLE })
      assert.ok(thrownBy(() => channel.read(100)) instanceof kind)
    }
  })

  it('an end of the transport is an error, behind what came', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['some', { call: Decrypt, status: Status.SEC_E_OK, data: 'some' }])
    channel.endIncoming()
    assert.equal(text(channel.read(100)), 'some')
    assert.ok(thrownBy(() => channel.read(100)) instanceof RaggedEOFError)
  })
})

describe('SEC_I_RENEGOTIATE', () => {
  const message = Buffer.from('a new session ticket')

  it('in TLS 1.3: the message goes to Schannel, and its answer to the peer', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['key update', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: message }])
    at.security.script.push({ call: ISC, status: Status.SEC_E_OK, token: encrypted('key update'), input: message })
    assert.equal(channel.read(100), 'want-read')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('key update'))
    receive(channel, at.security, ['data', { call: Decrypt, status: Status.SEC_E_OK, data: 'data' }])
    assert.equal(text(channel.read(100)), 'data')
    at.security.assertScriptDone()
  })

  it('in TLS 1.3: what stood behind the message is decrypted afterwards', async () => {
    const at = setting()
    const channel = await established(at)
    const data = encrypted('data')
    receive(channel, at.security, [
      'ticket',
      { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: Buffer.concat([message, data]) },
    ])
    at.security.script.push(
      { call: ISC, status: Status.SEC_E_OK, extraBytes: data.byteLength },
      { call: Decrypt, status: Status.SEC_E_OK, data: 'data', input: data },
    )
    assert.equal(text(channel.read(100)), 'data')
  })

  it('in TLS 1.3: a message that is not whole waits for the rest', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['first', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: message }])
    at.security.script.push({ call: ISC, status: Status.SEC_E_INCOMPLETE_MESSAGE, input: message })
    assert.equal(channel.read(100), 'want-read')
    const rest = encrypted('rest')
    receive(channel, at.security, [
      'rest',
      { call: ISC, status: Status.SEC_E_OK, input: Buffer.concat([message, rest]) },
    ])
    assert.equal(channel.read(100), 'want-read')
    at.security.assertScriptDone()
  })

  it('in TLS 1.3: SEC_I_CONTINUE_NEEDED sends the answer and gives Schannel what comes next', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['first', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: message }])
    at.security.script.push({ call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, token: encrypted('answer') })
    assert.equal(channel.read(100), 'want-read')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('answer'))
    receive(channel, at.security, ['next', { call: ISC, status: Status.SEC_E_OK, input: encrypted('next') }])
    assert.equal(channel.read(100), 'want-read')
    at.security.assertScriptDone()
  })

  it('in TLS 1.3: a message that Schannel refuses fails the channel, with its alert', async () => {
    const at = setting()
    const channel = await established(at)
    receive(channel, at.security, ['first', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: message }])
    at.security.script.push({ call: ISC, status: Status.SEC_E_ILLEGAL_MESSAGE, token: encrypted('alert') })
    assert.ok(thrownBy(() => channel.read(100)) instanceof ProtocolError)
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('alert'))
  })

  it('in TLS 1.2: is refused, as by every backend', async () => {
    const at = setting()
    const channel = await established(at, helloOf12)
    receive(channel, at.security, ['hello request', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE }])
    at.security.script.push(
      { call: 'ApplyControlToken', status: Status.SEC_E_OK, token: [2, 2, 100] },
      { call: ISC, status: Status.SEC_E_OK, token: encrypted('an alert') },
    )
    const error = thrownBy(() => channel.read(100))
    assert.ok(error instanceof ProtocolError)
    assert.equal(error.alert, 'no_renegotiation')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('an alert'))
  })

  it('a peer that asks for answers and fetches none gets no further', async () => {
    const at = setting()
    const channel = await established(at)
    for (const _ of [1, 2, 3, 4]) {
      receive(channel, at.security, ['key update', { call: Decrypt, status: Status.SEC_I_RENEGOTIATE, extra: message }])
      at.security.script.push({ call: ISC, status: Status.SEC_E_OK, token: Buffer.alloc(outgoingLimitBytes) })
    }
    assert.equal(channel.read(100), 'want-write')
    assert.equal(channel.outgoingBytesBuffered, 2 * outgoingLimitBytes)
    channel.processOutgoing()
    assert.equal(channel.read(100), 'want-write')
  })
})

describe('EncryptMessage', () => {
  it('gets as much as Schannel takes in one record', async () => {
    const at = setting()
    at.security.attributes = { STREAM_SIZES: { headerBytes: 5, trailerBytes: 17, maximumMessageBytes: 1000 } }
    const channel = await established(at)
    at.security.script = [1, 2, 3].map(() => ({ call: 'EncryptMessage', status: Status.SEC_E_OK }) as const)
    assert.equal(channel.write(Buffer.alloc(2500, 'x')), 2500)
    assert.equal(channel.outgoingBytesBuffered, 2500 + 3 * 5)
    at.security.assertScriptDone()
  })

  it('gets no more than the outgoing side has room for', async () => {
    const at = setting()
    const channel = await established(at)
    at.security.script = new Array(20).fill({ call: 'EncryptMessage', status: Status.SEC_E_OK })
    assert.equal(channel.write(Buffer.alloc(2 * outgoingLimitBytes)), outgoingLimitBytes)
    assert.equal(channel.write(Buffer.alloc(10)), 'want-write')
  })

  for (const status of [Status.SEC_E_CONTEXT_EXPIRED, Status.SEC_E_ENCRYPT_FAILURE, Status.SEC_E_INVALID_HANDLE]) {
    it(`0x${status.toString(16)}: fails the channel`, async () => {
      const at = setting()
      const channel = await established(at)
      at.security.script = [{ call: 'EncryptMessage', status }]
      const error = thrownBy(() => channel.write(Buffer.from('data')))
      assert.ok(error instanceof BackendError)
      assert.match(error.message, /SEC_E_/)
      assert.equal(
        thrownBy(() => channel.read(1)),
        error,
      )
    })
  }

  it('without stream sizes nothing can be sent', async () => {
    const at = setting()
    at.security.attributes = {}
    const channel = await established(at)
    assert.ok(thrownBy(() => channel.write(Buffer.from('data'))) instanceof BackendError)
  })
})

describe('shutdown', () => {
  // SCHANNEL_SHUTDOWN.
  const closing = [
    { call: 'ApplyControlToken', status: Status.SEC_E_OK, token: [1] },
    { call: ISC, status: Status.SEC_I_CONTEXT_EXPIRED, token: encrypted('close_notify'), input: undefined },
  ] as const

  it('sends close_notify once, and goes on reading until the peer has closed', async () => {
    const at = setting()
    const channel = await established(at)
    at.security.script = [...closing]
    assert.equal(channel.shutdown(), 'want-read')
    assert.equal(channel.shutdown(), 'want-read')
    assert.deepEqual(Buffer.from(channel.processOutgoing()), encrypted('close_notify'))
    receive(channel, at.security, ['last', { call: Decrypt, status: Status.SEC_E_OK, data: 'last words' }])
    assert.equal(channel.shutdown(), 'want-read')
    assert.equal(text(channel.read(100)), 'last words')
    receive(channel, at.security, ['close', { call: Decrypt, status: Status.SEC_I_CONTEXT_EXPIRED }])
    assert.equal(channel.shutdown(), 'done')
    assert.equal(channel.read(100), 'closed')
    at.security.assertScriptDone()
  })

  for (const [what, script] of [
    ['ApplyControlToken fails', [{ call: 'ApplyControlToken', status: Status.SEC_E_UNSUPPORTED_FUNCTION }]],
    [
      'Schannel has nothing to send',
      [
        { call: 'ApplyControlToken', status: Status.SEC_E_OK },
        { call: ISC, status: Status.SEC_E_INTERNAL_ERROR },
      ],
    ],
  ] as const) {
    it(`where ${what}, the channel fails by name of the status`, async () => {
      const at = setting()
      const channel = await established(at)
      at.security.script = [...script]
      const error = thrownBy(() => channel.shutdown())
      assert.ok(error instanceof BackendError)
      assert.match(error.message, /SEC_E_/)
    })
  }

  it('a record of unknown type after the handshake fails the channel', async () => {
    const at = setting()
    const channel = await established(at)
    channel.processIncoming(Buffer.alloc(incomingLimitBytes, 0x41))
    at.security.script = [{ call: 'ApplyControlToken', status: Status.SEC_E_INVALID_HANDLE }]
    assert.ok(thrownBy(() => channel.read(1)) instanceof ProtocolError)
  })
})
