import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  NegotiationError,
  ProtocolError,
  RaggedEOFError,
  type TLSBuffer,
  type TLSError,
  TrustStore,
} from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { clientHello, encrypted, plainAlert, record, serverHello, serverKeyExchange } from './records.ts'
import {
  cast,
  chainOf,
  clientOf,
  derOf,
  established,
  firstWords,
  helloOf12,
  helloOf13,
  lastFlight,
  opening,
  type Setting,
  serverOf,
  setting,
} from './setting.ts'

const ISC = 'InitializeSecurityContext'
const ASC = 'AcceptSecurityContext'

/** A client that has said its first words. */
async function opened(at: Setting, ...options: [object?, string?]): Promise<TLSBuffer> {
  const channel = await clientOf(at, ...options)
  at.security.script = [opening]
  assert.equal(channel.handshake(), 'want-read')
  assert.deepEqual(Buffer.from(channel.processOutgoing()), firstWords)
  return channel
}

function thrownBy(call: () => unknown): TLSError {
  try {
    call()
  } catch (thrown) {
    return thrown as TLSError
  }
  assert.fail('nothing was thrown')
}

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

  for (const status of [
    Status.SEC_E_INSUFFICIENT_MEMORY,
    Status.SEC_E_INVALID_HANDLE,
    Status.SEC_E_NO_CREDENTIALS,
    Status.SEC_E_NO_AUTHENTICATING_AUTHORITY,
  ]) {
    it(`0x${status.toString(16)} is about this side`, async () => {
      const at = setting()
      const channel = await clientOf(at)
      at.security.script = [{ call: ISC, status, input: undefined }]
      const error = thrownBy(() => channel.handshake())
      assert.ok(error instanceof BackendError, String(error))
      assert.match(error.nativeCode ?? '', /^SEC_E_/)
      assert.equal(at.security.openContexts, 0)
    })
  }

  it('codes of success that have no place here are errors', async () => {
    for (const status of [
      Status.SEC_I_COMPLETE_NEEDED,
      Status.SEC_I_COMPLETE_AND_CONTINUE,
      Status.SEC_I_MESSAGE_FRAGMENT,
      Status.SEC_I_CONTEXT_EXPIRED,
      Status.SEC_I_ASYNC_CALL_PENDING,
      Status.SEC_I_CONTINUE_NEEDED_MESSAGE_OK,
    ]) {
      const at = setting()
      const channel = await opened(at)
      at.security.script = [{ call: ISC, status }]
      channel.processIncoming(helloOf13)
      assert.match(thrownBy(() => channel.handshake()).message, /SEC_I_/)
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
