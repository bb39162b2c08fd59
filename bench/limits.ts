import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
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

/** Sealing and opening records of so many bytes with AES-128-GCM, in microseconds for one. */
export function recordMicroseconds(length: number, repetitions: number): { sealing: number; opening: number } {
  const key = createSecretKey(Buffer.alloc(16, 1))
  const nonce = Buffer.alloc(12, 2)
  const content = Buffer.alloc(length, 3)
  let [sealing, opening] = [0, 0]
  for (let made = 0; made < repetitions; made++) {
    const start = performance.now()
    const cipher = createCipheriv('aes-128-gcm', key, nonce)
    const sealed = cipher.update(content)
    cipher.final()
    const tag = cipher.getAuthTag()
    const between = performance.now()
    const decipher = createDecipheriv('aes-128-gcm', key, nonce)
    decipher.setAuthTag(tag)
    decipher.update(sealed)
    decipher.final()
    opening += performance.now() - between
    sealing += between - start
  }
  return { sealing: (sealing / repetitions) * 1000, opening: (opening / repetitions) * 1000 }
}
