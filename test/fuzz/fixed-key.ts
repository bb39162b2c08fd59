import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { TestKey } from '../x509/make-certificate.ts'

/** An Ed25519 key that is the same in every run; so are its signatures, and the certificates that it signs. RFC 8410 has the form. */
export function fixedKey(number: number): TestKey {
  const key = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, number)])
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  return { privateKey, spki: createPublicKey(privateKey).export({ format: 'der', type: 'spki' }) }
}
