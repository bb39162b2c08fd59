import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { connect } from 'node:tls'
import { ja4 } from 'polytls'
import { ByteWriter } from '#polytls/codec/byte-writer.js'
import { readClientHello } from '#polytls/codec/client-hello.js'
import { DecodeError } from '#polytls/codec/decode-error.js'

interface Parts {
  readonly ciphers?: readonly number[]
  readonly extensions?: readonly (readonly [type: number, body: Uint8Array])[]
}

function helloOf({ ciphers = [0x1301], extensions }: Parts): Uint8Array {
  const body = new ByteWriter().u16(0x0303).zeros(32).vector8(Buffer.alloc(0)).u16List(ciphers).vector8(Buffer.of(0))
  if (extensions !== undefined) {
    body.vector16((w) => {
      for (const [type, content] of extensions) w.u16(type).vector16(content)
    })
  }
  return new ByteWriter().u8(1).vector24(body.finish()).finish().slice()
}

const list = (...values: readonly number[]): Uint8Array => new ByteWriter().u16List(values).finish().slice()
const alpn = (...names: readonly string[]): Uint8Array =>
  new ByteWriter()
    .vector16((w) => {
      for (const name of names) w.vector8(Buffer.from(name, 'latin1'))
    })
    .finish()
    .slice()
const name = Buffer.from('000e00000b', 'hex')

describe('a ClientHello that is looked at', () => {
  it('tells what a client of OpenSSL asks for', async () => {
    const raw = await helloFromNode()
    const hello = readClientHello(raw)
    assert.equal(hello.serverName, 'host.example')
    assert.deepEqual(hello.innerProtocols, ['h2', 'http/1.1'])
    assert.deepEqual(hello.versions, [0x0304, 0x0303])
    assert.ok(hello.ciphers.includes(0x1301) && hello.groups.includes(29) && hello.signatureSchemes.includes(0x0403))
    assert.ok([0, 10, 13, 16, 43, 51].every((type) => hello.extensions.includes(type)))
    assert.match(ja4(hello), /^t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12}$/)
  })

  it('may have no extensions, as in TLS 1.2 and before', () => {
    const hello = readClientHello(helloOf({ ciphers: [0xc02f] }))
    assert.deepEqual(
      { ...hello, raw: undefined },
      {
        serverName: undefined,
        innerProtocols: [],
        versions: [0x0303],
        ciphers: [0xc02f],
        groups: [],
        signatureSchemes: [],
        extensions: [],
        raw: undefined,
      },
    )
  })

  it('is refused where it was cut anywhere, and where something follows', async () => {
    const raw = await helloFromNode()
    for (let length = 0; length < raw.length; length++) {
      assert.throws(() => readClientHello(raw.subarray(0, length)), DecodeError)
    }
    assert.throws(() => readClientHello(Buffer.concat([raw, Buffer.of(0)])), DecodeError)
  })
})

describe('JA4', () => {
  // The example that its specification computes.
  const extensions = [
    0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b,
    0x000a, 0x0015,
  ]
  const bodies = new Map<number, Uint8Array>([
    [0x0000, Buffer.concat([name, Buffer.from('host.exampl')])],
    [0x0010, alpn('h2')],
    [0x000a, list(29)],
    [0x000d, list(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)],
    [0x002b, Buffer.from('060a0a03040303', 'hex')],
  ])
  const ciphers = [
    0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f,
    0x0035,
  ]
  const entries = extensions.map((type) => [type, bodies.get(type) ?? Buffer.alloc(0)] as const)
  const example = 't13d1516h2_8daaf6152771_e5627efa2ab1'

  it('is what its specification says', () => {
    assert.equal(ja4(readClientHello(helloOf({ ciphers, extensions: entries }))), example)
  })

  it('does not depend on the order, nor on GREASE', () => {
    const mixed = helloOf({
      ciphers: [0x3a3a, ...ciphers.toReversed()],
      extensions: [[0xfafa, Buffer.alloc(0)], ...entries.toReversed()],
    })
    assert.equal(ja4(readClientHello(mixed)), example)
  })

  it('says what is missing, and bounds what is too much', () => {
    assert.equal(ja4(readClientHello(helloOf({}))), 't12i010000_0f2cb44170f4_000000000000')
    const many = helloOf({ ciphers: Array.from({ length: 120 }, (_, index) => 0x5600 + index) })
    assert.match(ja4(readClientHello(many)), /^t12i990000_/)
  })

  for (const [protocol, ends] of [
    ['http/1.1', 'h1'],
    ['x', 'xx'],
    ['-a', '21'],
    // Not UTF-8: GREASE, and one of a single byte.
    ['\n\n', '0a'],
    ['\xaa\xaa', 'aa'],
    ['\xab', 'ab'],
    ['0\xab', '3b'],
  ] as const) {
    it(`abbreviates the protocol ${JSON.stringify(protocol)} as ${ends}`, () => {
      const hello = helloOf({ extensions: [[0x0010, alpn(protocol)]] })
      assert.equal(ja4(readClientHello(hello)).slice(8, 10), ends)
    })
  }
})

/** The first message of a client of Node's own. */
async function helloFromNode(): Promise<Uint8Array> {
  let write: (chunk: Buffer) => void = () => {}
  const sent = new Promise<Buffer>((resolve) => {
    write = resolve
  })
  const transport = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      write(chunk)
      callback()
    },
  })
  const socket = connect({ socket: transport, servername: 'host.example', ALPNProtocols: ['h2', 'http/1.1'] })
  socket.on('error', () => {})
  const record = await sent
  socket.destroy()
  return new Uint8Array(record.subarray(5))
}
