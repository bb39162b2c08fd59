import { CertificateCompression } from '#polytls/backends/portable/certificate-compression.js'
import { encodeCompressedCertificate } from '#polytls/backends/portable/messages/compressed-certificate.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import { readClientHello } from '#polytls/codec/client-hello.js'
import { DerReader } from '#polytls/codec/der.js'
import { nodeCertificateCodecs } from '#polytls/compression/node.js'
import { bodyOf, samples } from '../backends/portable/messages/samples.js'
import { mutateBytes, pick, type Random } from './random.ts'
import { attempt } from './refusal.ts'
import type { FuzzTarget } from './target.ts'

/** Every decoder of handshake messages, and with them those of the extensions. */
export const messages: FuzzTarget = {
  name: 'messages',
  short: 20_000,
  run(random) {
    const sample = pick(samples, random)
    let body: Uint8Array = bodyOf(sample)
    for (let count = 1 + random(4); count > 0; count--) body = mutateBytes(body, random)
    return attempt(() => sample.decode(body), sample.name) ? 'accepted' : 'refused'
  },
}

/** What reads a ClientHello for whoever chooses by it. */
export const clientHellos: FuzzTarget = {
  name: 'client-hellos',
  short: 5000,
  run(random) {
    const hello = samples.find(({ name }) => name.startsWith('client_hello')) ?? pick(samples, random)
    let raw = hello.encoded
    for (let count = 1 + random(2); count > 0; count--) raw = withLength(mutateBytes(raw, random), random)
    return attempt(() => readClientHello(raw), 'readClientHello') ? 'accepted' : 'refused'
  },
}

/** Certificates that came compressed, those that are whole and those that are not. */
export const compressedCertificates: FuzzTarget = {
  name: 'compressed-certificates',
  short: 5000,
  run(random) {
    const codec = pick(nodeCertificateCodecs, random)
    const plain = Uint8Array.from({ length: 1 + random(300) }, () => random(4))
    let compressed = codec.compress(plain)
    for (let count = random(3); count > 0; count--) compressed = mutateBytes(compressed, random)
    const uncompressedLength = random(4) === 0 ? random(0x1000000) : plain.length
    const message = encodeCompressedCertificate({ algorithm: codec.algorithm, uncompressedLength, compressed })
    const body = message.subarray(handshakeHeaderLength)
    return attempt(() => compression.decompress(body), 'decompress') ? 'accepted' : 'refused'
  },
}
const compression = new CertificateCompression(nodeCertificateCodecs)

/** DER by itself: any reader of it ends, and refuses what is no DER. */
export const der: FuzzTarget = {
  name: 'der',
  short: 5000,
  run(random) {
    const bytes = Uint8Array.from({ length: random(60) }, () => (random(3) === 0 ? random(256) : pick(likely, random)))
    return attempt(() => walk(new DerReader(bytes, 'input'), 0), 'DER') ? 'accepted' : 'refused'
  },
}

const likely = [0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0x80, 0xa0, 0xa3, 0x01, 0x00, 0x81, 0x82]

function walk(reader: DerReader, depth: number): void {
  while (!reader.done) {
    const { tag, content } = reader.element()
    if ((tag & 0x20) !== 0 && depth < 40) walk(new DerReader(content, 'input'), depth + 1)
  }
}

/** Mostly the length in front is right again, so that what is behind it is read. */
function withLength(raw: Uint8Array, random: Random): Uint8Array {
  if (raw.length < 4 || random(8) === 0) return raw
  const out = Uint8Array.from(raw)
  out.set([(raw.length - 4) >> 16, (raw.length - 4) >> 8, raw.length - 4], 1)
  return out
}
