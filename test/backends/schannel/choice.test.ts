import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AlertReceivedError, NegotiationError } from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { plainAlert, record, serverHello, serverKeyExchange } from './records.ts'
import { cast, derOf, established, firstWords, helloOf12, helloOf13, opened, setting, thrownBy } from './setting.ts'

const ISC = 'InitializeSecurityContext'

describe('what the server chose', () => {
  for (const [what, hello, options, subject] of [
    ['TLS 1.2 where only TLS 1.3 is wanted', helloOf12, { lowestSupportedVersion: 'TLSv1.3' }, 'version'],
    ['TLS 1.3 where only TLS 1.2 is wanted', helloOf13, { highestSupportedVersion: 'TLSv1.2' }, 'version'],
    ['a suite that is not in the list', helloOf13, { ciphers: [0x1302] }, 'cipher-suite'],
    ['a group that is not in the list', helloOf13, { groups: [0x0018] }, 'group'],
    [
      'a group of TLS 1.2 that is not in the list',
      Buffer.concat([helloOf12, serverKeyExchange(0x0017, 0x0804)]),
      { groups: [0x0018] },
      'group',
    ],
  ] as const) {
    it(`${what} ends the handshake before Schannel goes on with it`, async () => {
      const at = setting()
      const channel = await opened(at, options)
      channel.processIncoming(hello)
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof NegotiationError, String(error))
      assert.equal(error.subject, subject)
      assert.deepEqual(Buffer.from(channel.processOutgoing()), plainAlert(subject === 'version' ? 70 : 40))
    })
  }

  it('TLS 1.3 under the old structure is refused with an explanation', async () => {
    const at = setting({ legacy: true })
    const channel = await opened(at)
    channel.processIncoming(helloOf13)
    const error = thrownBy(() => channel.handshake())
    assert.match(error.hint ?? '', /SCHANNEL_CRED end at TLS 1\.2/)
  })

  it('a server that wants no version of the old structure is told apart from others, by the library itself', async () => {
    for (const [legacy, hint] of [
      [true, /SCHANNEL_CRED end at TLS 1\.2; TLS 1\.3 needs SCH_CREDENTIALS, and Windows 11/],
      [false, /^(?!.*SCHANNEL_CRED)/],
    ] as const) {
      const at = setting({ legacy })
      const channel = await opened(at)
      at.security.script = [{ call: ISC, status: Status.SEC_E_UNSUPPORTED_FUNCTION }]
      channel.processIncoming(plainAlert(70))
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'protocol_version')
      assert.match(error.hint ?? '', hint)
      assert.match(String(error.cause), /SEC_E_UNSUPPORTED_FUNCTION/)
    }
  })

  it('other alerts say nothing of the old structure', async () => {
    const at = setting({ legacy: true })
    const channel = await opened(at)
    at.security.script = [{ call: ISC, status: Status.SEC_E_ILLEGAL_MESSAGE }]
    channel.processIncoming(plainAlert(40))
    assert.doesNotMatch(thrownBy(() => channel.handshake()).hint ?? '', /SCHANNEL_CRED/)
  })

  it('is told by the facts', async () => {
    const at = setting()
    at.security.attributes = {
      ...at.security.attributes,
      CONNECTION_INFO: { protocol: 0x2000 },
      CIPHER_INFO: { protocol: 0x0304, cipherSuite: 0x1301 },
      APPLICATION_PROTOCOL: { status: 1, protocol: Buffer.from('h2') },
      SESSION_INFO: { flags: 0 },
    }
    const { server, root } = await cast()
    const { facts } = await established(at)
    assert.equal(facts.version, 'TLSv1.3')
    assert.equal(facts.cipherSuite, 0x1301)
    assert.equal(facts.group, 0x001d)
    assert.equal(facts.signatureScheme, undefined)
    assert.equal(facts.innerProtocol, 'h2')
    assert.equal(facts.serverName, 'server.test')
    // However Windows sorts its store.
    assert.deepEqual(
      facts.peerChain.map((each) => Buffer.from(each)),
      [derOf(server), derOf(root)],
    )
    assert.equal(facts.verified, true)
    assert.equal(facts.resumed, false)
    assert.equal(facts.credentialStructure, 'SCH_CREDENTIALS')
  })

  it('is told from the Hellos where Schannel does not say, and what nobody says is undefined', async () => {
    const { facts } = await established(setting(), Buffer.concat([helloOf12, serverKeyExchange(0x0017, 0x0804)]))
    assert.equal(facts.version, 'TLSv1.2')
    assert.equal(facts.cipherSuite, 0xc02f)
    assert.equal(facts.group, 0x0017)
    assert.equal(facts.signatureScheme, 0x0804)
    assert.equal(facts.innerProtocol, undefined)
  })

  it('a HelloRetryRequest is no choice yet', async () => {
    const at = setting()
    const channel = await opened(at, { groups: [0x0018] })
    const retry = serverHello(
      0x1301,
      0x0018,
      Buffer.from('cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c', 'hex'),
    )
    const changeCipherSpec = record(20, Buffer.of(1))
    at.security.script = [
      { call: ISC, status: Status.SEC_I_CONTINUE_NEEDED, token: firstWords },
      { call: ISC, status: Status.SEC_I_CONTINUE_NEEDED },
    ]
    channel.processIncoming(Buffer.concat([retry, changeCipherSpec]))
    assert.equal(channel.handshake(), 'want-read')
    channel.processIncoming(serverHello(0x1301, 0x0018))
    assert.equal(channel.handshake(), 'want-read')
    at.security.assertScriptDone()
  })
})
