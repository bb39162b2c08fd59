import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeCertificateRequest } from '#polytls/backends/portable/messages/certificate-request.js'
import { decodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { decodeServerKeyExchange } from '#polytls/backends/portable/messages/key-exchange.js'
import { decodeKeyUpdate } from '#polytls/backends/portable/messages/post-handshake.js'
import {
  decodeServerHello,
  encodeServerHello,
  helloRetryRequestRandom,
} from '#polytls/backends/portable/messages/server-hello.js'
import { bytes } from './samples.js'

const hello = {
  legacyVersion: 0x0303,
  random: bytes(32),
  sessionId: new Uint8Array(0),
  cipherSuite: 0x1301,
} as const

describe('hellos and the values that decoders judge', () => {
  it('a ServerHello is known by its content: TLS 1.3, a retry, or TLS 1.2', () => {
    const encoded = encodeServerHello({ ...hello, kind: 'server_hello', extensions: { supported_versions: 0x0304 } })
    assert.equal(decodeServerHello(encoded.slice(4)).kind, 'server_hello')
    const retry = encodeServerHello({
      ...hello,
      random: helloRetryRequestRandom,
      kind: 'hello_retry_request',
      extensions: { supported_versions: 0x0304 },
    })
    assert.equal(decodeServerHello(retry.slice(4)).kind, 'hello_retry_request')
    const old = encodeServerHello({ ...hello, kind: 'server_hello12', extensions: {} })
    assert.equal(decodeServerHello(old.slice(4)).kind, 'server_hello12')
  })

  it('a HelloRetryRequest without supported_versions misses an extension', () => {
    const retry = encodeServerHello({
      ...hello,
      random: helloRetryRequestRandom,
      kind: 'hello_retry_request',
      extensions: { key_share: 0x17 },
    })
    assert.throws(() => decodeServerHello(retry.slice(4)), { alert: 'missing_extension' })
  })

  it('hellos of TLS 1.2 may end before their extensions', () => {
    const old = encodeServerHello({ ...hello, kind: 'server_hello12', extensions: {} })
    assert.deepEqual(decodeServerHello(old.slice(4, -2)), decodeServerHello(old.slice(4)))
  })

  it('a hello that compresses is refused with illegal_parameter', () => {
    const server = encodeServerHello({ ...hello, kind: 'server_hello12', extensions: {} }).slice(4)
    server[37] = 1
    assert.throws(() => decodeServerHello(server), { alert: 'illegal_parameter' })
    const client = [3, 3, ...bytes(32), 0, 0, 2, 0x13, 1, 1]
    assert.deepEqual(decodeClientHello(Uint8Array.of(...client, 0)).extensions, {})
    assert.throws(() => decodeClientHello(Uint8Array.of(...client, 1)), { alert: 'illegal_parameter' })
  })

  it('a ClientHello without suites is refused with decode_error', () => {
    assert.throws(() => decodeClientHello(Uint8Array.of(3, 3, ...bytes(32), 0, 0, 0, 1, 0)), { alert: 'decode_error' })
  })

  it('a CertificateRequest without signature_algorithms misses an extension', () => {
    assert.throws(() => decodeCertificateRequest(Uint8Array.of(0, 0, 0)), { alert: 'missing_extension' })
  })

  it('a KeyUpdate asks for 0 or 1', () => {
    assert.equal(decodeKeyUpdate(Uint8Array.of(0)).updateRequested, false)
    assert.throws(() => decodeKeyUpdate(Uint8Array.of(2)), { alert: 'illegal_parameter' })
  })

  it('a ServerKeyExchange has a named curve', () => {
    assert.throws(() => decodeServerKeyExchange(Uint8Array.of(1, 0, 23)), { alert: 'illegal_parameter' })
  })
})
