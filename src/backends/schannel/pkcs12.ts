import { createCipheriv, createHash, createHmac } from 'node:crypto'
import { Tag } from '../../codec/der.ts'
import {
  encodeContext,
  encodeElement,
  encodeObjectIdentifier,
  encodeOctetString,
  encodeSequence,
  encodeUnsigned,
} from '../../codec/der-writer.ts'

/**
 * A certificate with its key as PKCS #12 (RFC 7292), which is the form in which every Windows imports a key of any kind. It never leaves
 * the memory of this process, so the algorithms are those that every Windows reads, not those that one would store a key with.
 */
export function encodePKCS12(
  {
    leaf,
    issuers,
    key,
  }: { readonly leaf: Uint8Array; readonly issuers: readonly Uint8Array[]; readonly key: Uint8Array },
  password: string,
): Uint8Array {
  // How the key and its certificate find each other.
  const localKeyId = createHash('sha1').update(leaf).digest()
  const certificates = [
    certificateBag(leaf, attribute(Oid.localKeyId, encodeOctetString(localKeyId))),
    ...issuers.map((each) => certificateBag(each)),
  ]
  const keys = shroudedKeyBag(key, password, attribute(Oid.localKeyId, encodeOctetString(localKeyId)))
  const safe = encodeSequence(contentInfo(encodeSequence(...certificates)), contentInfo(encodeSequence(keys)))
  return encodeSequence(encodeUnsigned(3), contentInfo(safe), macData(safe, password))
}

/** Whether these bytes are PKCS #12: a sequence that begins with the version 3 and another sequence. RFC 7292, Section 4. */
export function isPKCS12(bytes: Uint8Array): boolean {
  const lengthBytes = (bytes[1] ?? 0) >= 0x80 ? (bytes[1] ?? 0) & 0x7f : 0
  const [tag, length, version, next] = bytes.subarray(2 + lengthBytes)
  return bytes[0] === Tag.SEQUENCE && tag === Tag.INTEGER && length === 1 && version === 3 && next === Tag.SEQUENCE
}

const Oid = {
  data: '1.2.840.113549.1.7.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  x509Certificate: '1.2.840.113549.1.9.22.1',
  localKeyId: '1.2.840.113549.1.9.21',
  pbeWithSHA1And3KeyTripleDES: '1.2.840.113549.1.12.1.3',
  sha1: '1.3.14.3.2.26',
} as const

function contentInfo(content: Uint8Array): Uint8Array {
  return encodeSequence(encodeObjectIdentifier(Oid.data), encodeContext(0, encodeOctetString(content)))
}

function certificateBag(der: Uint8Array, ...attributes: readonly Uint8Array[]): Uint8Array {
  const value = encodeSequence(encodeObjectIdentifier(Oid.x509Certificate), encodeContext(0, encodeOctetString(der)))
  return bag(Oid.certificateBag, value, attributes)
}

/** An EncryptedPrivateKeyInfo. RFC 5958, Section 3; RFC 7292, Appendix C. */
function shroudedKeyBag(key: Uint8Array, password: string, ...attributes: readonly Uint8Array[]): Uint8Array {
  const salt = saltFor(key)
  const cipher = createCipheriv(
    'des-ede3-cbc',
    deriveBytes(password, salt, Purpose.key, 24),
    deriveBytes(password, salt, Purpose.iv, 8),
  )
  const encrypted = Buffer.concat([cipher.update(key), cipher.final()])
  const parameters = encodeSequence(encodeOctetString(salt), encodeUnsigned(iterations))
  const algorithm = encodeSequence(encodeObjectIdentifier(Oid.pbeWithSHA1And3KeyTripleDES), parameters)
  return bag(Oid.shroudedKeyBag, encodeSequence(algorithm, encodeOctetString(encrypted)), attributes)
}

function bag(type: string, value: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  return encodeSequence(
    encodeObjectIdentifier(type),
    encodeContext(0, value),
    ...(attributes.length === 0 ? [] : [encodeElement(Tag.SET, ...attributes)]),
  )
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return encodeSequence(encodeObjectIdentifier(type), encodeElement(Tag.SET, value))
}

function macData(safe: Uint8Array, password: string): Uint8Array {
  const salt = saltFor(safe)
  const mac = createHmac('sha1', deriveBytes(password, salt, Purpose.mac, 20))
    .update(safe)
    .digest()
  const algorithm = encodeSequence(encodeObjectIdentifier(Oid.sha1), Uint8Array.of(Tag.NULL, 0))
  return encodeSequence(
    encodeSequence(algorithm, encodeOctetString(mac)),
    encodeOctetString(salt),
    encodeUnsigned(iterations),
  )
}

/** Nobody gets to see the result, so there is nothing to slow anybody down with. */
const iterations = 1

function saltFor(content: Uint8Array): Buffer {
  return createHash('sha256').update(content).digest().subarray(0, 8)
}

const Purpose = { key: 1, iv: 2, mac: 3 } as const

/** RFC 7292, Appendix B.2, with SHA-1: its blocks have 64 bytes, its outputs 20. */
function deriveBytes(password: string, salt: Uint8Array, purpose: number, length: number): Uint8Array {
  const [blockBytes, outputBytes] = [64, 20]
  const encoded = Buffer.from(`${password}\0`, 'utf16le').swap16()
  const input = Buffer.concat([fill(salt, blockBytes), fill(encoded, blockBytes)])
  const output: Buffer[] = []
  for (let produced = 0; produced < length; produced += outputBytes) {
    let block = createHash('sha1').update(Buffer.alloc(blockBytes, purpose)).update(input).digest()
    for (let round = 1; round < iterations; round++) block = createHash('sha1').update(block).digest()
    output.push(block)
    addToEach(input, fill(block, blockBytes), blockBytes)
  }
  return Buffer.concat(output).subarray(0, length)
}

/** Copies of the bytes, one after the other, up to a multiple of the block. */
function fill(bytes: Uint8Array, blockBytes: number): Buffer {
  return Buffer.alloc(Math.ceil(bytes.byteLength / blockBytes) * blockBytes, bytes)
}

/** Adds one number and 1 to each block of others, without what overflows. */
function addToEach(blocks: Buffer, addend: Buffer, blockBytes: number): void {
  for (let start = 0; start < blocks.byteLength; start += blockBytes) {
    let carry = 1
    for (let index = blockBytes - 1; index >= 0; index--) {
      carry += (blocks[start + index] ?? 0) + (addend[index] ?? 0)
      blocks[start + index] = carry & 0xff
      carry >>= 8
    }
  }
}
