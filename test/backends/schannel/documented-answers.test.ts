import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AlertReceivedError, BackendError, NegotiationError, ProtocolError, type TLSError } from 'polytls'
import { Status, statusName } from '#polytls/backends/schannel/status.js'
import { clientHello, encrypted } from './records.ts'
import { clientOf, established, helloOf13, opened, receive, serverOf, setting, thrownBy } from './setting.ts'

/**
 * Every answer that Microsoft documents for the functions of a channel, and what comes of it where it is no success; those of success are
 * in the tests of the handshake and of data. Whatever comes, the channel fails for good, with the status by its name, and lets go of its
 * context where it never had one.
 */
type Kind = abstract new (...values: never[]) => TLSError
type Answer = keyof typeof Status

/** Of InitializeSecurityContext and AcceptSecurityContext both. */
const ofHandshakes: readonly (readonly [Answer, Kind])[] = [
  ['SEC_E_INSUFFICIENT_MEMORY', BackendError],
  ['SEC_E_INTERNAL_ERROR', ProtocolError],
  ['SEC_E_INVALID_HANDLE', BackendError],
  ['SEC_E_INVALID_TOKEN', ProtocolError],
  ['SEC_E_LOGON_DENIED', AlertReceivedError],
  ['SEC_E_NO_AUTHENTICATING_AUTHORITY', BackendError],
  ['SEC_E_NO_CREDENTIALS', BackendError],
  ['SEC_E_UNSUPPORTED_FUNCTION', AlertReceivedError],
  ['SEC_E_APPLICATION_PROTOCOL_MISMATCH', NegotiationError],
  ['SEC_E_ALGORITHM_MISMATCH', AlertReceivedError],
  ['SEC_E_ILLEGAL_MESSAGE', ProtocolError],
  ['SEC_E_DECRYPT_FAILURE', AlertReceivedError],
  ['SEC_E_MESSAGE_ALTERED', AlertReceivedError],
  ['SEC_E_OUT_OF_SEQUENCE', ProtocolError],
  ['SEC_E_CERT_UNKNOWN', ProtocolError],
  ['SEC_E_CERT_EXPIRED', AlertReceivedError],
  ['SEC_E_UNTRUSTED_ROOT', AlertReceivedError],
  ['CRYPT_E_REVOKED', AlertReceivedError],
  ['SEC_E_BUFFER_TOO_SMALL', BackendError],
  ['SEC_E_INVALID_PARAMETER', BackendError],
  ['SEC_I_CONTEXT_EXPIRED', AlertReceivedError],
  ['SEC_I_COMPLETE_NEEDED', BackendError],
  ['SEC_I_COMPLETE_AND_CONTINUE', BackendError],
  ['SEC_I_MESSAGE_FRAGMENT', BackendError],
  ['SEC_I_CONTINUE_NEEDED_MESSAGE_OK', BackendError],
  ['SEC_I_ASYNC_CALL_PENDING', BackendError],
]

const ofClients: readonly (readonly [Answer, Kind])[] = [
  ...ofHandshakes,
  ['SEC_E_TARGET_UNKNOWN', ProtocolError],
  ['SEC_E_WRONG_PRINCIPAL', ProtocolError],
]

const ofDecryption: readonly (readonly [Answer, Kind])[] = [
  ['SEC_E_BUFFER_TOO_SMALL', BackendError],
  ['SEC_E_CRYPTO_SYSTEM_INVALID', BackendError],
  ['SEC_E_INVALID_HANDLE', BackendError],
  ['SEC_E_INVALID_TOKEN', ProtocolError],
  ['SEC_E_MESSAGE_ALTERED', ProtocolError],
  ['SEC_E_DECRYPT_FAILURE', ProtocolError],
  ['SEC_E_OUT_OF_SEQUENCE', ProtocolError],
  ['SEC_E_QOP_NOT_SUPPORTED', BackendError],
  ['SEC_E_INSUFFICIENT_MEMORY', BackendError],
  ['SEC_E_UNSUPPORTED_FUNCTION', AlertReceivedError],
]

const ofEncryption: readonly Answer[] = [
  'SEC_E_BUFFER_TOO_SMALL',
  'SEC_E_CONTEXT_EXPIRED',
  'SEC_E_CRYPTO_SYSTEM_INVALID',
  'SEC_E_ENCRYPT_FAILURE',
  'SEC_E_INSUFFICIENT_MEMORY',
  'SEC_E_INVALID_HANDLE',
  'SEC_E_INVALID_TOKEN',
  'SEC_E_QOP_NOT_SUPPORTED',
]

const ofControl: readonly Answer[] = [
  'SEC_E_INSUFFICIENT_MEMORY',
  'SEC_E_INTERNAL_ERROR',
  'SEC_E_INVALID_HANDLE',
  'SEC_E_INVALID_TOKEN',
  'SEC_E_UNSUPPORTED_FUNCTION',
]

/** It is of the kind, names the status, and is what every later call throws. */
function assertFails(kind: Kind, answer: Answer, call: () => unknown): void {
  const error = thrownBy(call)
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`)
  const { cause } = error
  const own = error instanceof BackendError ? error : cause
  assert.ok(own instanceof BackendError, 'no status is told')
  assert.equal(own.nativeCode, statusName(Status[answer]))
  assert.equal(thrownBy(call), error)
}

describe('InitializeSecurityContext', () => {
  for (const [answer, kind] of ofClients) {
    it(`${answer} behind the server's first words`, async () => {
      const at = setting()
      const channel = await opened(at)
      channel.processIncoming(helloOf13)
      at.security.script = [{ call: 'InitializeSecurityContext', status: Status[answer] }]
      assertFails(kind, answer, () => channel.handshake())
      channel[Symbol.dispose]()
      assert.equal(at.security.openContexts, 0)
    })
  }

  for (const [answer] of ofClients.filter(([, kind]) => kind === BackendError)) {
    it(`${answer} at once`, async () => {
      const at = setting()
      const channel = await clientOf(at)
      at.security.script = [{ call: 'InitializeSecurityContext', status: Status[answer], input: undefined }]
      assertFails(BackendError, answer, () => channel.handshake())
      channel[Symbol.dispose]()
      assert.equal(at.security.openContexts, 0)
    })
  }
})

describe('AcceptSecurityContext', () => {
  for (const [answer, kind] of ofHandshakes) {
    it(`${answer}`, async () => {
      const at = setting()
      const channel = await serverOf(at)
      channel.processIncoming(clientHello())
      at.security.script = [{ call: 'AcceptSecurityContext', status: Status.SEC_I_CONTINUE_NEEDED, token: helloOf13 }]
      assert.equal(channel.handshake(), 'want-read')
      channel.processIncoming(encrypted('an answer'))
      at.security.script = [{ call: 'AcceptSecurityContext', status: Status[answer] }]
      assertFails(kind, answer, () => channel.handshake())
      channel[Symbol.dispose]()
      assert.equal(at.security.openContexts, 0)
    })
  }
})

describe('DecryptMessage', () => {
  for (const [answer, kind] of ofDecryption) {
    it(`${answer}`, async () => {
      const at = setting()
      const channel = await established(at)
      receive(channel, at.security, ['bad', { call: 'DecryptMessage', status: Status[answer] }])
      // Of damage the peer is told, as far as Schannel makes the alert.
      at.security.script.push({ call: 'ApplyControlToken', status: Status.SEC_E_UNSUPPORTED_FUNCTION })
      assertFails(kind, answer, () => channel.read(100))
    })
  }
})

describe('EncryptMessage', () => {
  for (const answer of ofEncryption) {
    it(`${answer}`, async () => {
      const at = setting()
      const channel = await established(at)
      at.security.script = [{ call: 'EncryptMessage', status: Status[answer] }]
      assertFails(BackendError, answer, () => channel.write(Buffer.from('data')))
      assert.equal(channel.outgoingBytesBuffered, 0)
    })
  }
})

describe('ApplyControlToken', () => {
  for (const answer of ofControl) {
    it(`${answer}: no close_notify can be sent`, async () => {
      const at = setting()
      const channel = await established(at)
      at.security.script = [{ call: 'ApplyControlToken', status: Status[answer] }]
      assertFails(BackendError, answer, () => channel.shutdown())
      assert.equal(channel.outgoingBytesBuffered, 0)
    })
  }
})
