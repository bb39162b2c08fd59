import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import {
  decodeServerHello,
  encodeServerHello,
  type ServerHello12,
} from '#polytls/backends/portable/messages/server-hello.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { NegotiationError, ProtocolError } from '#polytls/errors.js'
import { alertOf, answering, drive, failing, flip, misled, take, withExtensions } from './conversation12.js'
import { clientEngine, converse, credentialOf, serverEngine } from './engines12.js'
import { Tap } from './tap.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
const rsa = credentialOf(await makeSelfSigned({ name: 'rsa', names: ['server.test'], keyKind: 'rsa-2048' }))

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
        let isChanged = false
        const change = (bytes: Uint8Array): Uint8Array => {
          const here = at - seen
          seen += bytes.length
          length = Math.max(length, seen)
          if (here < 0 || here >= bytes.length) return bytes
          isChanged = true
          return flip(bytes, here)
        }
        drive(client, server, tap, undefined, change)
        // Signatures by ECDSA differ in length, so a flight may be shorter than the one before.
        assert.equal(victim.isEstablished, !isChanged, `byte ${at} from the ${role}`)
      }
    }
  })
})
