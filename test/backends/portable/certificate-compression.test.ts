import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { AlertReceivedError, ProtocolError } from 'polytls'
import { CertificateCompression, maxCertificateExpansion } from '#polytls/backends/portable/certificate-compression.js'
import { encodeCertificate } from '#polytls/backends/portable/messages/certificate.js'
import {
  decodeCompressedCertificate,
  encodeCompressedCertificate,
} from '#polytls/backends/portable/messages/compressed-certificate.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import { maxCertificateChainBytes } from '#polytls/channel/limits.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { nodeCertificateCodecs } from '#polytls/compression/node.js'
import { CertificateCompression as Algorithm, type CertificateCodec } from '#polytls/config/certificate-compression.js'
import { converse, credentialOf } from './engines12.js'
import { client13, server13 } from './engines13.ts'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))
const [brotli, zlib] = nodeCertificateCodecs as [CertificateCodec, CertificateCodec]
const compressWith: { readonly [name: string]: readonly [number, (bytes: Uint8Array) => Uint8Array] } = {
  zlib: [Algorithm.zlib, (bytes) => deflateSync(bytes)],
  brotli: [Algorithm.brotli, (bytes) => brotliCompressSync(bytes)],
}

/** Says of the Certificate whatever a test has it say. */
class Forger extends CertificateCompression {
  readonly #forge: (body: Uint8Array) => Parameters<typeof encodeCompressedCertificate>[0]

  constructor(forge: Forger['forge']) {
    super([zlib, brotli])
    this.#forge = forge
  }

  declare readonly forge: (body: Uint8Array) => Parameters<typeof encodeCompressedCertificate>[0]

  override compress(message: Uint8Array): Uint8Array {
    return encodeCompressedCertificate(this.#forge(message.subarray(handshakeHeaderLength)))
  }
}

type Forged = ReturnType<Forger['forge']>

/** What a victim makes of a forged certificate, and that the forger is told why. */
function refusal(role: 'client' | 'server', forge: Forger['forge'], own = [zlib, brotli]): ProtocolError {
  const forger = new Forger(forge)
  const honest = new CertificateCompression(own)
  const client = client13({ credential, certificateCompression: role === 'client' ? honest : forger })
  const server = server13({
    credentials: [credential],
    options: { clientAuthentication: 'required' },
    certificateCompression: role === 'client' ? forger : honest,
  })
  // The other one's own certificate is whole.
  const [victim, other] = role === 'client' ? [client, server] : [server, client]
  let error: unknown
  assert.throws(
    () => converse(client, server),
    (thrown) => {
      error = thrown
      return true
    },
  )
  assert.ok(error instanceof ProtocolError, String(error))
  other.feed(victim.takeOutgoing(Number.POSITIVE_INFINITY))
  assert.throws(
    () => (other.isEstablished ? other.receive() : other.handshake()),
    (heard) => heard instanceof AlertReceivedError && heard.alert === (error as ProtocolError).alert,
  )
  return error
}

const honestly =
  (change: (forged: Forged, body: Uint8Array) => Partial<Forged>): Forger['forge'] =>
  (body) => {
    const forged = { algorithm: Algorithm.zlib, uncompressedLength: body.length, compressed: deflateSync(body) }
    return { ...forged, ...change(forged, body) }
  }

describe('compressed certificates', () => {
  for (const role of ['client', 'server'] as const) {
    describe(`a ${role}`, () => {
      const judge = (forge: Forger['forge']): ProtocolError => refusal(role, forge)

      for (const [name, [algorithm, compress]] of Object.entries(compressWith)) {
        const body = (change: (body: Uint8Array) => Uint8Array): Forger['forge'] =>
          honestly((_, plain) => ({ algorithm, compressed: change(compress(plain)) }))
        const broken: readonly (readonly [string, Forger['forge']])[] = [
          ['cut off', body((bytes) => bytes.subarray(0, -1))],
          ['half of it', body((bytes) => bytes.subarray(0, bytes.length / 2))],
          ['with something behind it', body((bytes) => Buffer.concat([bytes, Buffer.of(0)]))],
          ['twice', body((bytes) => Buffer.concat([bytes, bytes]))],
          ['no stream at all', body((bytes) => bytes.map((byte) => byte ^ 0xff))],
          [
            'longer than it says',
            honestly((_, plain) => ({ algorithm, compressed: compress(plain), uncompressedLength: plain.length - 1 })),
          ],
          [
            'shorter than it says',
            honestly((_, plain) => ({ algorithm, compressed: compress(plain), uncompressedLength: plain.length + 1 })),
          ],
        ]
        for (const [what, forge] of broken) {
          it(`refuses ${name}: ${what}`, () => {
            const error = judge(forge)
            assert.equal(error.alert, 'bad_certificate')
            assert.match(error.message, /does not become what it says/)
          })
        }
      }

      it('refuses an algorithm that it did not offer', () => {
        for (const algorithm of [Algorithm.zstd, 0, 0xffff]) {
          assert.equal(judge(honestly(() => ({ algorithm }))).alert, 'illegal_parameter')
        }
      })

      it('does not even begin where it would become too long, or too much longer', () => {
        for (const forged of [
          {
            uncompressedLength: maxCertificateChainBytes + 1,
            compressed: new Uint8Array(maxCertificateChainBytes - 100),
          },
          { uncompressedLength: 0xffffff },
          { uncompressedLength: 64 * 20 + 1, compressed: new Uint8Array(20) },
        ]) {
          const error = judge(honestly(() => forged))
          assert.equal(error.alert, 'illegal_parameter')
          assert.match(error.message, /grow/)
        }
      })

      it('refuses a Certificate inside that is none', () => {
        const inside = Buffer.from('no Certificate is like this')
        const error = judge(() => ({
          algorithm: Algorithm.zlib,
          uncompressedLength: inside.length,
          compressed: deflateSync(inside),
        }))
        assert.equal(error.alert, 'decode_error')
      })
    })
  }

  it('nobody takes what was not asked for', () => {
    for (const role of ['client', 'server'] as const) {
      const error = refusal(
        role,
        honestly(() => ({})),
        [],
      )
      assert.equal(error.alert, 'unexpected_message')
    }
  })
})

describe('the codecs of the runtime', () => {
  for (const codec of [brotli, zlib]) {
    it(`${codec.algorithm}: gives back what was compressed, of any length that is right`, () => {
      for (const length of [1, 100, 16_384, 70_000]) {
        const bytes = Uint8Array.from({ length }, (_, index) => (index * index) >> 3)
        const compressed = codec.compress(bytes)
        assert.deepEqual(Uint8Array.from(codec.decompress(compressed, length) ?? []), bytes)
        assert.equal(codec.decompress(compressed, length + 1), undefined)
        if (length > 1) assert.equal(codec.decompress(compressed, length - 1), undefined)
      }
    })

    it(`${codec.algorithm}: stops a bomb at the first byte too many`, () => {
      const bomb = codec.compress(new Uint8Array(16 * 1024 * 1024))
      const before = process.memoryUsage.rss()
      for (let count = 0; count < 50; count++) assert.equal(codec.decompress(bomb, 100 * 1024), undefined)
      assert.ok(process.memoryUsage.rss() - before < 64 * 1024 * 1024)
    })
  }

  it('other forms of deflate are not zlib', () => {
    const bytes = Buffer.from('abcabcabc')
    for (const other of [deflateRawSync(bytes), gzipSync(bytes)]) {
      assert.equal(zlib.decompress(other, bytes.length), undefined)
    }
    // A dictionary that nobody has agreed on.
    const compressed = deflateSync(bytes, { dictionary: Buffer.from('abc'), level: constants.Z_BEST_COMPRESSION })
    assert.equal(zlib.decompress(compressed, bytes.length), undefined)
  })
})

describe('compressing', () => {
  const message = encodeCertificate({
    context: new Uint8Array(0),
    entries: [{ certificate: new Uint8Array(3000).fill(7), extensions: {} }],
  })

  it('is done once for the same certificate, and anew for another', () => {
    let calls = 0
    const counting = {
      ...zlib,
      compress: (bytes: Uint8Array) => {
        calls++
        return zlib.compress(bytes)
      },
    }
    const compression = new CertificateCompression([counting])
    const first = compression.compress(message, [Algorithm.zlib])
    assert.equal(compression.compress(Uint8Array.from(message), [Algorithm.brotli, Algorithm.zlib]), first)
    assert.equal(calls, 1)
    const changed = Uint8Array.from(message)
    changed[3000] = 8
    assert.notDeepEqual(compression.compress(changed, [Algorithm.zlib]), first)
    assert.equal(calls, 2)
    const { uncompressedLength } = decodeCompressedCertificate(first.subarray(handshakeHeaderLength))
    assert.equal(uncompressedLength, message.length - handshakeHeaderLength)
  })

  it('is left where the peer does not ask for it', () => {
    const compression = new CertificateCompression([zlib])
    for (const offered of [undefined, [], [Algorithm.brotli]]) {
      assert.equal(compression.compress(message, offered), message)
    }
  })

  it('what grows by less than the bound is taken, though it be much', () => {
    const compression = new CertificateCompression([zlib])
    const repeated = encodeCertificate({
      context: new Uint8Array(0),
      entries: Array.from({ length: 9 }, () => ({
        certificate: new Uint8Array(100).map((_, i) => i * 7),
        extensions: {},
      })),
    })
    const compressed = compression.compress(repeated, [Algorithm.zlib])
    assert.ok(repeated.length / compressed.length > 5 && repeated.length / compressed.length < maxCertificateExpansion)
    const { body, algorithm } = compression.decompress(compressed.subarray(handshakeHeaderLength))
    assert.deepEqual(Uint8Array.from(body), repeated.slice(handshakeHeaderLength))
    assert.equal(algorithm, Algorithm.zlib)
  })
})
