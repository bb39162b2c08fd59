import { generateKeyPairSync } from 'node:crypto'

/** A pair of keys of each kind that signs in TLS, by the names of `KeyAlgorithm` and `Curve`. */
export const keyPairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  secp256r1: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  secp384r1: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  secp521r1: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: generateKeyPairSync('ed25519'),
  ed448: generateKeyPairSync('ed448'),
}
