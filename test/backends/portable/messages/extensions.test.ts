import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ExtensionPlace } from '#polytls/backends/portable/messages/extension-forms.js'
import { extensionTable } from '#polytls/backends/portable/messages/extension-table.js'
import { decodeExtensions, offeredExtensions } from '#polytls/backends/portable/messages/extensions.js'
import { ByteReader } from '#polytls/codec/byte-reader.js'
import { ByteWriter } from '#polytls/codec/byte-writer.js'

/** RFC 9846, Section 4.2: the table as it is printed there, as far as this library knows the extensions. */
const printed: { readonly [name: string]: readonly ExtensionPlace[] } = {
  server_name: ['client_hello', 'encrypted_extensions'],
  status_request: ['client_hello', 'certificate_request', 'certificate'],
  signed_certificate_timestamp: ['client_hello', 'certificate_request', 'certificate'],
  supported_groups: ['client_hello', 'encrypted_extensions'],
  signature_algorithms: ['client_hello', 'certificate_request'],
  application_layer_protocol_negotiation: ['client_hello', 'encrypted_extensions'],
  // RFC 8879, Section 3.
  compress_certificate: ['client_hello', 'certificate_request'],
  record_size_limit: ['client_hello', 'encrypted_extensions'],
  key_share: ['client_hello', 'server_hello', 'hello_retry_request'],
  pre_shared_key: ['client_hello', 'server_hello'],
  psk_key_exchange_modes: ['client_hello'],
  early_data: ['client_hello', 'encrypted_extensions', 'new_session_ticket'],
  cookie: ['client_hello', 'hello_retry_request'],
  supported_versions: ['client_hello', 'server_hello', 'hello_retry_request'],
  certificate_authorities: ['client_hello', 'certificate_request'],
  signature_algorithms_cert: ['client_hello', 'certificate_request'],
}
const places: readonly ExtensionPlace[] = [
  'client_hello',
  'server_hello',
  'hello_retry_request',
  'encrypted_extensions',
  'certificate_request',
  'certificate',
  'new_session_ticket',
]

function list(...extensions: readonly (readonly [type: number, body: readonly number[]])[]): ByteReader {
  const writer = new ByteWriter()
  for (const [type, body] of extensions) writer.u16(type).vector16(Uint8Array.from(body))
  return new ByteReader(writer.finish(), 'test')
}

describe('where extensions may stand', () => {
  it('is what RFC 9846 prints', () => {
    for (const [name, row] of Object.entries(extensionTable)) {
      const in13 = Object.keys(row).filter((key) => places.includes(key as ExtensionPlace))
      const expected = printed[name] ?? ['client_hello']
      assert.deepEqual(in13.sort(), [...expected].sort(), name)
    }
  })

  it('is kept: a known one in a message that has no place for it is an illegal_parameter', () => {
    for (const [name, row] of Object.entries(extensionTable)) {
      for (const place of places) {
        if (place in row) continue
        assert.throws(
          () => decodeExtensions(place, list([row.code, []])),
          { alert: 'illegal_parameter' },
          `${name} in ${place}`,
        )
      }
    }
  })
})

describe('a list of extensions', () => {
  it('is refused with decode_error when one stands twice, known or unknown', () => {
    for (const type of [23, 0x5555]) {
      assert.throws(() => decodeExtensions('client_hello', list([type, []], [type, []])), { alert: 'decode_error' })
    }
  })

  it('keeps unknown ones by number in a message that asks', () => {
    const { unknown } = decodeExtensions('client_hello', list([0x5555, [1, 2]]))
    assert.deepEqual(unknown, [{ type: 0x5555, body: Uint8Array.of(1, 2) }])
  })

  it('is refused with unsupported_extension where it answers what was not asked', () => {
    const offered = offeredExtensions({
      server_name: 'example.com',
      unknown: [{ type: 0x0a0a, body: new Uint8Array() }],
    })
    assert.deepEqual(decodeExtensions('encrypted_extensions', list([0, []]), offered), { server_name: true })
    for (const type of [28, 0x0a0a, 0x5555]) {
      assert.throws(() => decodeExtensions('encrypted_extensions', list([type, [64, 0]]), offered), {
        alert: 'unsupported_extension',
      })
    }
  })

  it('may have a cookie in a HelloRetryRequest, which nobody asks for', () => {
    const { cookie } = decodeExtensions('hello_retry_request', list([44, [0, 1, 7]]), new Set())
    assert.deepEqual(cookie, Uint8Array.of(7))
  })

  it('ends with pre_shared_key in a ClientHello', () => {
    const identities = [0, 7, 0, 1, 9, 0, 0, 0, 0]
    const preSharedKey = [...identities, 0, 33, 32, ...new Array<number>(32).fill(5)]
    assert.ok(decodeExtensions('client_hello', list([23, []], [41, preSharedKey])).pre_shared_key)
    for (const type of [23, 0x5555]) {
      assert.throws(() => decodeExtensions('client_hello', list([41, preSharedKey], [type, []])), {
        alert: 'illegal_parameter',
      })
    }
  })
})

describe('the content of an extension', () => {
  const refused: readonly (readonly [
    what: string,
    place: ExtensionPlace,
    type: number,
    body: readonly number[],
    alert: string,
  ])[] = [
    ['no server name', 'client_hello', 0, [0, 0], 'decode_error'],
    ['an empty server name', 'client_hello', 0, [0, 3, 0, 0, 0], 'decode_error'],
    ['two host names', 'client_hello', 0, [0, 8, 0, 0, 1, 97, 0, 0, 1, 98], 'illegal_parameter'],
    ['a host name with a zero in it', 'client_hello', 0, [0, 6, 0, 0, 3, 97, 0, 98], 'illegal_parameter'],
    ['a server name in the answer', 'encrypted_extensions', 0, [0], 'decode_error'],
    ['no groups', 'client_hello', 10, [0, 0], 'decode_error'],
    ['half a group', 'client_hello', 10, [0, 1, 0], 'decode_error'],
    ['no point formats', 'client_hello', 11, [0], 'decode_error'],
    ['no signature algorithms', 'client_hello', 13, [0, 0], 'decode_error'],
    ['no protocols', 'client_hello', 16, [0, 0], 'decode_error'],
    ['an empty protocol', 'client_hello', 16, [0, 3, 0, 1, 97], 'decode_error'],
    ['two protocols in an answer', 'encrypted_extensions', 16, [0, 4, 1, 97, 1, 98], 'decode_error'],
    ['something in extended_master_secret', 'client_hello', 23, [0], 'decode_error'],
    ['a tiny record size', 'client_hello', 28, [0, 63], 'illegal_parameter'],
    ['no versions', 'client_hello', 43, [0], 'decode_error'],
    ['half a version', 'client_hello', 43, [3, 3, 4, 3], 'decode_error'],
    ['an empty cookie', 'client_hello', 44, [0, 0], 'decode_error'],
    ['no PSK modes', 'client_hello', 45, [0], 'decode_error'],
    ['no authorities', 'client_hello', 47, [0, 0], 'decode_error'],
    ['an empty authority', 'client_hello', 47, [0, 5, 0, 0, 0, 1, 7], 'decode_error'],
    ['an empty key share', 'client_hello', 51, [0, 4, 0, 29, 0, 0], 'decode_error'],
    ['two key shares of one group', 'client_hello', 51, [0, 10, 0, 29, 0, 1, 5, 0, 29, 0, 1, 6], 'illegal_parameter'],
    ['an OCSP response of no known type', 'certificate', 5, [2, 0, 0, 1, 7], 'illegal_parameter'],
    ['an empty OCSP response', 'certificate', 5, [1, 0, 0, 0], 'decode_error'],
    [
      'two identities and one binder',
      'client_hello',
      41,
      [0, 14, 0, 1, 9, 0, 0, 0, 0, 0, 1, 9, 0, 0, 0, 0, 0, 33, 32, ...new Array<number>(32).fill(5)],
      'illegal_parameter',
    ],
    [
      'a short binder',
      'client_hello',
      41,
      [0, 7, 0, 1, 9, 0, 0, 0, 0, 0, 33, 31, ...new Array<number>(32).fill(0)],
      'decode_error',
    ],
  ]
  for (const [what, place, type, body, alert] of refused) {
    it(`is refused with ${alert}: ${what}`, () => {
      assert.throws(() => decodeExtensions(place, list([type, body])), { alert })
    })
  }

  it('may name a server by a type that is yet to come', () => {
    assert.equal(decodeExtensions('client_hello', list([0, [0, 4, 7, 0, 1, 1]])).server_name, '')
  })
})
