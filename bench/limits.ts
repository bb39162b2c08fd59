import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { Credentials } from './stacks.js'

/** What the bare primitives cost on this machine, by `node:crypto`: no TLS can be faster than its ciphers and its TCP together. */

/** The asymmetric work of one full handshake, both ends, in milliseconds: two key pairs, two agreements, one signature, two verifications. */
export function handshakeCryptoMilliseconds({ authority, server }: Credentials, repetitions: number): number {
  const key = createPrivateKey(server.key)
  const publicKey = createPublicKey(server.key)
  const issuerKey = new X509Certificate(authority.certificate).publicKey
  const message = Buffer.alloc(130, 1)
  const signature = sign('sha256', message, key)
  const start = performance.now()
  for (let made = 0; made < repetitions; made++) {
    const client = generateKeyPairSync('x25519')
    const responder = generateKeyPairSync('x25519')
    diffieHellman({ privateKey: client.privateKey, publicKey: responder.publicKey })
    diffieHellman({ privateKey: responder.privateKey, publicKey: client.publicKey })
    sign('sha256', message, key)
    verify('sha256', message, publicKey, signature)
    // The chain's signature: of the same kind, by the authority's key.
    verify('sha256', message, issuerKey.asymmetricKeyType === 'ec' ? publicKey : issuerKey, signature)
  }
  return (performance.now() - start) / repetitions
}

/** Encrypting and decrypting records of 16 KiB with AES-128-GCM, in megabytes a second. */
export function recordMegabytesPerSecond(megabytes: number): number {
  const key = Buffer.alloc(16, 1)
  const nonce = Buffer.alloc(12, 2)
  const record = Buffer.alloc(16_384, 3)
  const rounds = Math.ceil((megabytes * 1e6) / record.byteLength)
  const start = performance.now()
  for (let round = 0; round < rounds; round++) {
    const cipher = createCipheriv('aes-128-gcm', key, nonce)
    const sealed = cipher.update(record)
    cipher.final()
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(cipher.getAuthTag())
    decipher.update(sealed)
    decipher.final()
  }
  return (rounds * record.byteLength) / 1e6 / ((performance.now() - start) / 1000)
}

/** Sealing and opening one record of 64 bytes, in microseconds. */
export function smallRecordMicroseconds(repetitions: number): number {
  const key = Buffer.alloc(16, 1)
  const nonce = Buffer.alloc(12, 2)
  const message = Buffer.alloc(64, 3)
  const start = performance.now()
  for (let made = 0; made < repetitions; made++) {
    const cipher = createCipheriv('aes-128-gcm', key, nonce)
    const sealed = cipher.update(message)
    cipher.final()
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(cipher.getAuthTag())
    decipher.update(sealed)
    decipher.final()
  }
  return ((performance.now() - start) / repetitions) * 1000
}
