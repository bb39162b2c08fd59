import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { encodeEmptyMessage } from '#polytls/backends/portable/messages/empty-messages.js'
import type { ExtensionsIn } from '#polytls/backends/portable/messages/extension-forms.js'
import {
  decodeServerHello,
  encodeServerHello,
  type ServerHello12,
} from '#polytls/backends/portable/messages/server-hello.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { AlertReceivedError, CertificateError, NegotiationError, ProtocolError, TLSError } from '#polytls/errors.js'
import {
  answer,
  type ClientEngine,
  clientEngine,
  converse,
  credentialOf,
  exchange,
  remote,
  type ServerEngine,
  serverEngine,
} from './engines12.js'
import { Tap } from './tap.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
const rsa = credentialOf(await makeSelfSigned({ name: 'rsa', names: ['server.test'], keyKind: 'rsa-2048' }))

describe('a handshake of TLS 1.2', () => {
  it('tells both sides the same facts', () => {
    const client = clientEngine({ serverName: 'server.test', settings: { innerProtocols: ['h2', 'http/1.1'] } })
    const server = serverEngine({ credential, settings: { innerProtocols: ['http/1.1'] } })
    converse(client, server)
    assert.deepEqual(
      { ...client.facts },
      {
        version: 'TLSv1.2',
        cipherSuite: 0xc02b,
        group: 0x1d,
        signatureScheme: 0x0403,
        innerProtocol: 'http/1.1',
        serverName: 'server.test',
        peerCertificate: credential.chain[0],
        peerChain: credential.chain,
        verified: false,
        resumed: false,
      },
    )
    assert.deepEqual({ ...server.facts }, { ...client.facts, peerCertificate: undefined, peerChain: [] })
  })

  it('logs the same line of keys on both sides', () => {
    const lines: string[] = []
    const keyLog = (line: string): void => void lines.push(line)
    converse(clientEngine({ keyLog }), serverEngine({ credential, keyLog }))
    assert.equal(lines.length, 2)
    assert.equal(lines[0], lines[1])
    assert.match(lines[0] ?? '', /^CLIENT_RANDOM [0-9a-f]{64} [0-9a-f]{96}$/)
  })

  it('exports keys that depend on label and context, and none for its own labels', () => {
    const client = clientEngine()
    converse(client, serverEngine({ credential }))
    const keys = [
      client.exportKeyingMaterial('EXPORTER-a', undefined, 32),
      client.exportKeyingMaterial('EXPORTER-a', new Uint8Array(0), 32),
      client.exportKeyingMaterial('EXPORTER-b', undefined, 32),
    ].map((key) => Buffer.from(key ?? []).toString('hex'))
    assert.equal(new Set(keys).size, 3)
    assert.throws(() => client.exportKeyingMaterial('key expansion', undefined, 32), TLSError)
  })

  it('takes records no longer than the peer asked for', () => {
    const hello = (plain: ClientHello): ClientHello => withExtensions(plain, { record_size_limit: 100 })
    const client = clientEngine({ hello })
    const server = serverEngine({ credential })
    converse(client, server)
    server.transmit(new Uint8Array(1000))
    const sent = server.takeOutgoing(Number.POSITIVE_INFINITY)
    for (let at = 0; at < sent.length; ) {
      const length = ((sent[at + 3] ?? 0) << 8) | (sent[at + 4] ?? 0)
      assert.ok(length <= 100 + 8 + 16)
      at += 5 + length
    }
    client.feed(sent)
    assert.equal((client.receive() as Uint8Array).length, 100)
  })

  it('works with keys that are elsewhere', () => {
    const client = clientEngine({ credential: remote(rsa) })
    const server = serverEngine({ credential: remote(credential), clientAuthentication: 'required' })
    converse(client, server)
    exchange(client, server)
  })
})

describe('client authentication in TLS 1.2', () => {
  for (const [name, own] of Object.entries({ credential, rsa })) {
    it(`shows the client's certificate and proves its key (${name})`, () => {
      const server = serverEngine({ credential, clientAuthentication: 'required' })
      const client = clientEngine({ credential: own })
      converse(client, server)
      assert.deepEqual(server.facts.peerChain, own.chain)
      exchange(client, server)
    })
  }

  it('goes on without a certificate where it is only requested', () => {
    const server = serverEngine({ credential, clientAuthentication: 'requested' })
    converse(clientEngine(), server)
    assert.deepEqual(server.facts.peerChain, [])
    assert.equal(server.facts.verified, false)
  })

  it('fails without a certificate where one is required', () => {
    const { errors } = failing(clientEngine(), serverEngine({ credential, clientAuthentication: 'required' }))
    assert.ok(errors.server instanceof CertificateError)
    assert.equal(errors.server.reason, 'missing')
    assert.ok(errors.client instanceof AlertReceivedError)
    assert.equal(errors.client.alert, 'handshake_failure')
  })

  it('shows no certificate that the server could not verify', () => {
    const server = serverEngine({
      credential,
      clientAuthentication: 'requested',
      settings: { signatureSchemes: [0x0403] },
    })
    converse(clientEngine({ credential: rsa }), server)
    assert.deepEqual(server.facts.peerChain, [])
  })

  it("refuses a client whose proof is somebody else's", () => {
    const other = { ...credential, key: rsa.key, publicKey: rsa.publicKey }
    const { errors } = failing(
      clientEngine({ credential: other }),
      serverEngine({ credential, clientAuthentication: 'required' }),
    )
    assert.equal(alertOf(errors.server), 'illegal_parameter')
  })
})

describe("the application's veto in TLS 1.2", () => {
  it('asks on both sides before anything of the application is sent', () => {
    const client = clientEngine({ verifyPeer: true, serverName: 'server.test', credential })
    const server = serverEngine({ credential, verifyPeer: true, clientAuthentication: 'required' })
    client.handshake()
    server.feed(take(client))
    server.handshake()
    client.feed(take(server))
    assert.equal(client.handshake(), 'paused')
    assert.deepEqual(client.pauseRequest, {
      kind: 'verify-peer',
      peer: { chain: credential.chain, serverName: 'server.test' },
    })
    assert.equal(client.outgoingBytes, 0, 'the client waits with its part of the handshake')
    client.resume({ accept: true })
    client.handshake()
    server.feed(take(client))
    assert.equal(server.handshake(), 'paused')
    assert.deepEqual(server.pauseRequest, {
      kind: 'verify-peer',
      peer: { chain: credential.chain, serverName: undefined },
    })
    assert.equal(server.outgoingBytes, 0, "the server's Finished waits")
    server.resume({ accept: true })
    assert.equal(server.handshake(), 'done')
    client.feed(take(server))
    assert.equal(client.handshake(), 'done')
  })

  for (const role of ['client', 'server'] as const) {
    it(`ends the handshake for both where the ${role} refuses`, () => {
      const client = clientEngine({ verifyPeer: role === 'client' })
      const server = serverEngine({ credential, verifyPeer: role === 'server' })
      const { errors } = failing(client, server, (side) => side.resume({ accept: false, reason: 'no' }))
      const [own, other] = role === 'client' ? [errors.client, errors.server] : [errors.server, errors.client]
      assert.ok(own instanceof CertificateError && own.reason === 'vetoed')
      assert.ok(other instanceof AlertReceivedError && other.alert === 'bad_certificate')
    })
  }
})

describe('what a server of TLS 1.2 refuses in a ClientHello', () => {
  const cases: readonly (readonly [string, (hello: ClientHello) => ClientHello, string])[] = [
    [
      'no extended master secret',
      (hello) => withExtensions(hello, { extended_master_secret: undefined }),
      'handshake_failure',
    ],
    [
      'a renegotiation',
      (hello) => withExtensions(hello, { renegotiation_info: new Uint8Array(12) }),
      'handshake_failure',
    ],
    [
      'compressed points only',
      (hello) => withExtensions(hello, { ec_point_formats: Uint8Array.of(1) }),
      'illegal_parameter',
    ],
    ['no suite in common', (hello) => ({ ...hello, cipherSuites: [0x002f] }), 'handshake_failure'],
    ['suites for other certificates', (hello) => ({ ...hello, cipherSuites: [0xc02f] }), 'handshake_failure'],
    ['no group in common', (hello) => withExtensions(hello, { supported_groups: [0x0100] }), 'handshake_failure'],
    [
      'a curve that is not our certificate’s',
      (hello) => withExtensions(hello, { supported_groups: [0x1d] }),
      'handshake_failure',
    ],
    [
      'no signature in common',
      (hello) => withExtensions(hello, { signature_algorithms: [0x0201] }),
      'handshake_failure',
    ],
    [
      'no signatures at all',
      (hello) => withExtensions(hello, { signature_algorithms: undefined }),
      'handshake_failure',
    ],
  ]
  for (const [what, change, alert] of cases) {
    it(`${what}: ${alert}`, () => {
      const { errors } = failing(clientEngine({ hello: change }), serverEngine({ credential }))
      assert.equal(alertOf(errors.server), alert)
      assert.equal(alertOf(errors.client), alert)
    })
  }

  it('a fallback from what both speak: inappropriate_fallback', () => {
    const hello = (plain: ClientHello): ClientHello => ({ ...plain, cipherSuites: [...plain.cipherSuites, 0x5600] })
    const server = serverEngine({ credential, settings: { versions: ['TLSv1.3', 'TLSv1.2'] } })
    assert.equal(alertOf(failing(clientEngine({ hello }), server).errors.server), 'inappropriate_fallback')
    const old = serverEngine({ credential })
    converse(clientEngine({ hello }), old)
    assert.ok(old.isEstablished, 'a server that has nothing newer takes it')
  })

  it('protocols that it does not serve: no_application_protocol', () => {
    const { errors } = failing(
      clientEngine({ settings: { innerProtocols: ['h2'] } }),
      serverEngine({ credential, settings: { innerProtocols: ['imap'] } }),
    )
    assert.ok(errors.server instanceof NegotiationError)
    assert.equal(alertOf(errors.client), 'no_application_protocol')
  })

  it('takes a hello that signals secure renegotiation by a suite, and acknowledges it', () => {
    const hello = (plain: ClientHello): ClientHello => ({
      ...withExtensions(plain, { renegotiation_info: undefined }),
      cipherSuites: [...plain.cipherSuites, 0x00ff],
    })
    const client = clientEngine({ hello })
    const server = serverEngine({ credential })
    const tap = new Tap(server)
    client.handshake()
    server.feed(take(client))
    server.handshake()
    const [first] = tap.items
    assert.ok(first?.kind === 'message')
    const answered = decodeServerHello(first.bytes.subarray(4))
    assert.deepEqual(answered.kind === 'server_hello12' && answered.extensions.renegotiation_info, new Uint8Array(0))
  })
})

describe('what a client of TLS 1.2 refuses in a ServerHello', () => {
  const cases: readonly (readonly [string, (hello: ServerHello12, offered: ClientHello) => ServerHello12, string])[] = [
    [
      'no extended master secret',
      (hello) => answering(hello, { extended_master_secret: undefined }),
      'handshake_failure',
    ],
    ['no secure renegotiation', (hello) => answering(hello, { renegotiation_info: undefined }), 'handshake_failure'],
    [
      'a wrong renegotiation_info',
      (hello) => answering(hello, { renegotiation_info: Uint8Array.of(1) }),
      'handshake_failure',
    ],
    [
      'compressed points only',
      (hello) => answering(hello, { ec_point_formats: Uint8Array.of(1) }),
      'illegal_parameter',
    ],
    ['an extension not asked for', (hello) => answering(hello, { session_ticket: true }), 'unsupported_extension'],
    ['a suite not offered', (hello) => ({ ...hello, cipherSuite: 0xc030 }), 'illegal_parameter'],
    ['a suite of TLS 1.3', (hello) => ({ ...hello, cipherSuite: 0x1301 }), 'illegal_parameter'],
    ['TLS 1.1', (hello) => ({ ...hello, legacyVersion: 0x0302 }), 'protocol_version'],
    ['its own session id', (hello, offered) => ({ ...hello, sessionId: offered.sessionId }), 'illegal_parameter'],
    [
      'a protocol not offered',
      (hello) => answering(hello, { application_layer_protocol_negotiation: Uint8Array.of(1) }),
      'illegal_parameter',
    ],
    [
      'the sign of a downgrade',
      (hello) => ({ ...hello, random: Uint8Array.of(...hello.random.slice(0, 24), ...Buffer.from('DOWNGRD\x01')) }),
      'illegal_parameter',
    ],
  ]
  for (const [what, change, alert] of cases) {
    it(`${what}: ${alert}`, () => {
      let offered: ClientHello | undefined
      const client = clientEngine({
        settings: {
          versions: ['TLSv1.3', 'TLSv1.2'],
          tls12Suites: [0xc02b],
          innerProtocols: ['h2'],
        },
        hello: (plain) => {
          offered = plain
          return plain
        },
      })
      const server = serverEngine({ credential })
      const error = misled(client, server, 'server_hello', (bytes) => {
        const hello = decodeServerHello(bytes.subarray(4))
        assert.ok(hello.kind === 'server_hello12')
        return encodeServerHello(change(hello, offered as ClientHello))
      })
      assert.equal(alertOf(error), alert)
    })
  }
})

describe('what either side of TLS 1.2 refuses later', () => {
  it('a ServerKeyExchange that is not signed by the certificate: decrypt_error', () => {
    for (const at of [5, 12, -1]) {
      const error = misled(clientEngine(), serverEngine({ credential }), 'server_key_exchange', (bytes) =>
        flip(bytes, at),
      )
      assert.ok(error instanceof ProtocolError)
      assert.ok(['decrypt_error', 'illegal_parameter'].includes(error.alert ?? ''), error.message)
    }
  })

  it('a signature by a scheme that was not offered: illegal_parameter', () => {
    const client = clientEngine({ settings: { signatureSchemes: [0x0804] } })
    const error = misled(client, serverEngine({ credential }), 'server_hello', (bytes) => bytes)
    assert.equal(alertOf(error), 'handshake_failure')
    const picky = clientEngine({
      settings: { signatureSchemes: [0x0503] },
      hello: (plain) => withExtensions(plain, { signature_algorithms: [0x0403] }),
    })
    assert.equal(alertOf(misled(picky, serverEngine({ credential }), 'none', (bytes) => bytes)), 'illegal_parameter')
  })

  it('a key exchange in a group that was not offered: illegal_parameter', () => {
    const client = clientEngine({
      settings: { groups: [0x17] },
      hello: (plain) => withExtensions(plain, { supported_groups: [0x1d, 0x17] }),
    })
    assert.equal(alertOf(misled(client, serverEngine({ credential }), 'none', (bytes) => bytes)), 'illegal_parameter')
  })

  it('a certificate of another kind than the suite: illegal_parameter', () => {
    const client = clientEngine()
    const server = serverEngine({ credential: { ...credential, chain: rsa.chain } })
    assert.equal(alertOf(misled(client, server, 'none', (bytes) => bytes)), 'illegal_parameter')
  })

  it('a server without a certificate: decode_error', () => {
    const server = serverEngine({ credential: { ...credential, chain: [] } })
    assert.equal(alertOf(misled(clientEngine(), server, 'none', (bytes) => bytes)), 'decode_error')
  })

  it('a point that is not on the curve: illegal_parameter', () => {
    const client = clientEngine({ settings: { groups: [0x17] } })
    const tap = new Tap(client)
    const server = serverEngine({ credential })
    const error = drive(client, server, tap, 'client_key_exchange', (bytes) => flip(bytes, 40))
    assert.equal(alertOf(error), 'illegal_parameter')
  })

  it('a wrong Finished: decrypt_error, on both sides', () => {
    const error = misled(clientEngine(), serverEngine({ credential }), 'finished', (bytes) => flip(bytes, -1))
    assert.equal(alertOf(error), 'decrypt_error')
    const client = clientEngine()
    const server = serverEngine({ credential })
    assert.equal(
      alertOf(drive(client, server, new Tap(client), 'finished', (bytes) => flip(bytes, 4))),
      'decrypt_error',
    )
  })

  it("a wrong proof of the client's key: decrypt_error", () => {
    const client = clientEngine({ credential })
    const server = serverEngine({ credential, clientAuthentication: 'required' })
    const error = drive(client, server, new Tap(client), 'certificate_verify', (bytes) => flip(bytes, -1))
    assert.equal(alertOf(error), 'decrypt_error')
  })

  it('any change of any byte of the handshake: nobody is established', () => {
    for (const role of ['client', 'server'] as const) {
      for (let at = 0, length = 1; at < length; at += 7) {
        const client = clientEngine({ credential, serverName: 'server.test' })
        const server = serverEngine({ credential, clientAuthentication: 'required' })
        const [liar, victim] = role === 'client' ? [client, server] : [server, client]
        const tap = new Tap(liar)
        let seen = 0
        const change = (bytes: Uint8Array): Uint8Array => {
          const here = at - seen
          seen += bytes.length
          length = Math.max(length, seen)
          return here >= 0 && here < bytes.length ? flip(bytes, here) : bytes
        }
        drive(client, server, tap, undefined, change)
        assert.ok(!victim.isEstablished, `byte ${at} from the ${role}`)
      }
    }
  })
})

describe('renegotiation in TLS 1.2', () => {
  it('is refused with a warning where the server asks for it, and the connection goes on', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    converse(client, server)
    server.send(encodeEmptyMessage('hello_request'))
    server.handshake()
    client.feed(take(server))
    assert.equal(client.receive(), 'want-read')
    assert.ok(client.outgoingBytes > 0)
    server.feed(take(client))
    assert.equal(server.receive(), 'want-read', 'a warning is no end')
    exchange(client, server)
    exchange(server, client)
  })

  it('ends the connection where the client begins it', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    const tap = new Tap(client)
    client.handshake()
    const [hello] = tap.items
    assert.ok(hello?.kind === 'message')
    drive(client, server, tap, undefined, (bytes) => bytes)
    assert.ok(client.isEstablished)
    assert.throws(() => tap.inject(server, hello.bytes), { alert: 'no_renegotiation' })
    client.feed(take(server))
    assert.throws(() => client.receive(), AlertReceivedError)
  })

  it('is bounded: a server that asks again and again is left', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    converse(client, server)
    assert.throws(
      () => {
        for (let i = 0; i < 100; i++) {
          server.send(encodeEmptyMessage('hello_request'))
          server.handshake()
          client.feed(take(server))
          client.receive()
        }
      },
      { alert: 'unexpected_message' },
    )
  })

  it('is passed over during a handshake, once that is of TLS 1.2', () => {
    const client = clientEngine()
    const server = serverEngine({ credential })
    const tap = new Tap(server)
    client.handshake()
    server.feed(take(client))
    server.handshake()
    tap.deliver(client)
    while (tap.items.length > 0) {
      tap.inject(client, encodeEmptyMessage('hello_request'))
      tap.deliver(client)
    }
    server.feed(take(client))
    server.handshake()
    while (tap.items.length > 0) tap.deliver(client)
    assert.ok(client.isEstablished)
  })
})

// ── how these tests go about it ──

function take(engine: ClientEngine | ServerEngine): Uint8Array {
  return engine.takeOutgoing(Number.POSITIVE_INFINITY)
}

function withExtensions(hello: ClientHello, extensions: ExtensionsIn<'client_hello'>): ClientHello {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } }
}

function answering(hello: ServerHello12, extensions: ExtensionsIn<'server_hello12'>): ServerHello12 {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } }
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice()
  const index = at < 0 ? bytes.length + at : at
  flipped[index] = (flipped[index] ?? 0) ^ 1
  return flipped
}

function alertOf(error: unknown): string | undefined {
  assert.ok(error instanceof TLSError, String(error))
  return error.alert
}

/** A conversation that both sides leave with an error. */
function failing(
  client: ClientEngine,
  server: ServerEngine,
  respond: (side: ClientEngine | ServerEngine) => void = answer,
): { readonly errors: { readonly client: unknown; readonly server: unknown } } {
  const errors: { client: unknown; server: unknown } = { client: undefined, server: undefined }
  for (let round = 0; round < 10; round++) {
    for (const [role, side, other] of [
      ['client', client, server],
      ['server', server, client],
    ] as const) {
      try {
        if (errors[role] === undefined) while (side.handshake() === 'paused') respond(side)
        if (errors[role] === undefined && side.isEstablished) side.receive()
      } catch (error) {
        errors[role] = error
      }
      other.feed(take(side))
    }
  }
  assert.ok(errors.client !== undefined && errors.server !== undefined, 'neither side may be left without an error')
  return { errors }
}

/** What the client fails with when one message of the server is changed on its way. */
function misled(
  client: ClientEngine,
  server: ServerEngine,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): unknown {
  return drive(client, server, new Tap(server), name, change)
}

/** Talks through a tap until somebody fails or nothing is left; `change` sees the message of that name, or every one. */
function drive(
  client: ClientEngine,
  server: ServerEngine,
  tap: Tap,
  name: string | undefined,
  change: (bytes: Uint8Array) => Uint8Array,
): unknown {
  const other = tap.engine === client ? server : client
  try {
    client.handshake()
    for (let round = 0; round < 40; round++) {
      while (tap.items.length > 0) {
        tap.deliver(other, (bytes, each) => (name === undefined || each === name ? change(bytes) : bytes))
      }
      if (!other.isEstablished) other.handshake()
      tap.engine.feed(take(other))
      if (!tap.engine.isEstablished) tap.engine.handshake()
    }
  } catch (error) {
    return error
  }
  return undefined
}
