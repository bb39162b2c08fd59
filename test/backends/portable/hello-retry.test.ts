import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type ClientHello,
  decodeClientHello,
  encodeClientHello,
} from '#polytls/backends/portable/messages/client-hello.js'
import {
  decodeServerHello,
  encodeServerHello,
  type HelloRetryRequest,
  helloRetryRequestRandom,
} from '#polytls/backends/portable/messages/server-hello.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { nodeUnderTest } from '../../crypto/providers.js'
import { type ClientEngine, credentialOf, type ServerEngine } from './engines12.js'
import { client13, server13 } from './engines13.js'

const { x25519, secp256r1, secp384r1, X25519MLKEM768 } = groupCode
const credentials = [credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))]

describe('HelloRetryRequest, a client', () => {
  const groups = { settings: { groups: [x25519, secp256r1], shareGroups: [x25519] } }

  it('sends the second ClientHello as it was but for the share and the cookie', () => {
    const client = client13(groups)
    const first = helloOf(client)
    const cookie = Uint8Array.from({ length: 300 }, (_, i) => i)
    const second = retry(client, first, { key_share: secp256r1, cookie })
    assert.deepEqual(
      second.extensions.key_share?.map(({ group }) => group),
      [secp256r1],
    )
    assert.deepEqual(second.extensions.cookie, cookie)
    const { key_share: _a, cookie: _b, ...rest } = second.extensions
    const { key_share: _c, ...before } = first.extensions
    assert.deepEqual({ ...second, extensions: rest }, { ...first, extensions: before })
  })

  it('keeps its share where only a cookie is asked for', () => {
    const client = client13(groups)
    const first = helloOf(client)
    const second = retry(client, first, { cookie: Uint8Array.of(1) })
    assert.deepEqual(second.extensions.key_share, first.extensions.key_share)
  })

  it('sends a cookie back that needs several records', () => {
    const client = client13(groups)
    const cookie = new Uint8Array(40_000).fill(7)
    assert.deepEqual(retry(client, helloOf(client), { cookie }).extensions.cookie, cookie)
  })

  it('refuses a cookie that leaves the rest of its hello no room', () => {
    const client = client13(groups)
    const first = helloOf(client)
    const cookie = new Uint8Array(65_500)
    assert.throws(() => retry(client, first, { cookie }), { alert: 'illegal_parameter' })
  })

  for (const { what, extensions, alert } of [
    { what: 'that asks for nothing', extensions: {}, alert: 'illegal_parameter' },
    { what: 'for the share that was sent', extensions: { key_share: x25519 }, alert: 'illegal_parameter' },
    { what: 'for a group that was not offered', extensions: { key_share: secp384r1 }, alert: 'illegal_parameter' },
    {
      what: 'of TLS 1.2',
      extensions: { supported_versions: 0x0303, key_share: secp256r1 },
      alert: 'illegal_parameter',
    },
  ]) {
    it(`refuses one ${what}`, () => {
      const client = client13(groups)
      const first = helloOf(client)
      assert.throws(() => retry(client, first, extensions), { alert })
    })
  }

  it('refuses a second one', () => {
    const client = client13(groups)
    const first = helloOf(client)
    retry(client, first, { key_share: secp256r1 })
    assert.throws(() => retry(client, first, { cookie: Uint8Array.of(1) }), { alert: 'unexpected_message' })
  })

  it('refuses a ServerHello with another suite than before', () => {
    const client = client13(groups)
    const server = server13({ credentials, settings: { groups: [secp256r1], tls13Suites: [0x1302] } })
    const first = helloOf(client)
    retry(client, first, { key_share: secp256r1 }, 0x1301)
    // The server sees the first hello only now; with a share it answers at once.
    const second = encodeClientHello({ ...first, extensions: { ...first.extensions, key_share: shareOf(secp256r1) } })
    server.feed(plainRecord(22, second))
    server.handshake()
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.throws(() => client.handshake(), { alert: 'illegal_parameter', message: /cipher suite/ })
  })
})

describe('HelloRetryRequest, a server', () => {
  it('asks for its group where the client has it and sent no share, and names no other suite afterwards', () => {
    const client = client13({ settings: { groups: [x25519, secp256r1], shareGroups: [x25519] } })
    const server = server13({ credentials, settings: { groups: [secp256r1] } })
    client.handshake()
    server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.equal(server.handshake(), 'want-read')
    const hello = decodeServerHello(server.takeOutgoing(Number.POSITIVE_INFINITY).subarray(5 + 4, -6))
    assert.equal(hello.kind, 'hello_retry_request')
    assert.equal(hello.extensions.key_share, secp256r1)
    assert.equal(server.stateName, 'WAIT_CH_AGAIN')
  })

  it('takes the share that it is sent rather than a round trip, but for a hybrid', () => {
    const { crypto } = nodeUnderTest
    const plain = client13({ settings: { groups: [x25519, secp256r1], shareGroups: [x25519] } })
    const server = server13({ credentials, settings: { groups: [secp256r1, x25519] } })
    plain.handshake()
    server.feed(plain.takeOutgoing(Number.POSITIVE_INFINITY))
    server.handshake()
    assert.equal(server.stateName, 'WAIT_FINISHED')

    const able = client13({ crypto, settings: { groups: [x25519, X25519MLKEM768], shareGroups: [x25519] } })
    const hybrid = server13({ crypto, credentials, settings: { groups: [X25519MLKEM768, x25519] } })
    able.handshake()
    hybrid.feed(able.takeOutgoing(Number.POSITIVE_INFINITY))
    hybrid.handshake()
    assert.equal(hybrid.stateName, 'WAIT_CH_AGAIN')
  })

  for (const [what, change] of [
    ['another random', (hello) => ({ ...hello, random: new Uint8Array(32) })],
    ['other suites', (hello) => ({ ...hello, cipherSuites: [0x1301] })],
    ['another session id', (hello) => ({ ...hello, sessionId: new Uint8Array(0) })],
    ['early data', (hello) => ({ ...hello, extensions: { ...hello.extensions, early_data: true } })],
    ['two shares', (hello) => ({ ...hello, extensions: { ...hello.extensions, key_share: twoShares } })],
    [
      'a share of another group',
      (hello) => ({ ...hello, extensions: { ...hello.extensions, key_share: x25519Share } }),
    ],
    ['another name', (hello) => ({ ...hello, extensions: { ...hello.extensions, server_name: 'other.test' } })],
  ] as const satisfies readonly (readonly [string, (hello: ClientHello) => ClientHello])[]) {
    it(`refuses a second ClientHello with ${what}`, () => {
      const client = client13({ settings: { groups: [x25519, secp256r1], shareGroups: [x25519] } })
      const server = server13({ credentials, settings: { groups: [secp256r1] } })
      client.handshake()
      server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
      server.handshake()
      client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
      client.handshake()
      const sent = client.takeOutgoing(Number.POSITIVE_INFINITY)
      // Behind its change_cipher_spec.
      const second = decodeClientHello(sent.subarray(6 + 5 + 4))
      server.feed(plainRecord(22, encodeClientHello(change(second))))
      assert.throws(() => server.handshake(), { alert: 'illegal_parameter' })
    })
  }
})

const twoShares = [...shareOf(secp256r1), ...shareOf(x25519)]
const x25519Share = shareOf(x25519)

function shareOf(group: number): { group: number; keyExchange: Uint8Array }[] {
  return [{ group, keyExchange: nodeUnderTest.crypto.generateKeyShare(group).publicKey }]
}

function helloOf(client: ClientEngine): ClientHello {
  client.handshake()
  return decodeClientHello(new Uint8Array(client.takeOutgoing(Number.POSITIVE_INFINITY)).subarray(5 + 4))
}

/** Gives a client a HelloRetryRequest; answers its second ClientHello. */
function retry(
  client: ClientEngine | ServerEngine,
  first: ClientHello,
  extensions: Partial<HelloRetryRequest['extensions']>,
  cipherSuite = 0x1301,
): ClientHello {
  const message = encodeServerHello({
    kind: 'hello_retry_request',
    legacyVersion: 0x0303,
    random: helloRetryRequestRandom,
    sessionId: first.sessionId,
    cipherSuite,
    extensions: { supported_versions: 0x0304, ...extensions },
  })
  for (let at = 0; at < message.length; at += longestRecord)
    client.feed(plainRecord(22, message.subarray(at, at + longestRecord)))
  client.handshake()
  const sent = new Uint8Array(client.takeOutgoing(Number.POSITIVE_INFINITY))
  // Once, before the second flight: RFC 9846, Appendix D.4.
  assert.deepEqual([...sent.subarray(0, 6)], [20, 3, 3, 0, 1, 1])
  return decodeClientHello(contentOf(sent.subarray(6)).subarray(4))
}

const longestRecord = 0x4000

/** What records in clear carry, one after the other. */
function contentOf(records: Uint8Array): Uint8Array {
  const contents: Uint8Array[] = []
  for (let at = 0; at < records.length; ) {
    const length = ((records[at + 3] as number) << 8) | (records[at + 4] as number)
    contents.push(records.subarray(at + 5, at + 5 + length))
    at += 5 + length
  }
  return Buffer.concat(contents)
}

function plainRecord(type: number, content: Uint8Array): Uint8Array {
  return Uint8Array.of(type, 3, 3, content.length >> 8, content.length & 0xff, ...content)
}
