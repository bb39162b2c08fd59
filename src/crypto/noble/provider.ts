/**
 * The provider over the noble libraries: pure JavaScript, for runtimes without node:crypto. Nothing that this file reaches imports a
 * `node:` module (a test bundles it for a browser). Randomness is the runtime's `crypto.getRandomValues`.
 *
 * It does not sign with RSA: BigInt arithmetic takes a time that depends on its operands, and RSA's private exponent is a
 * long-lived secret. RSA signatures are verified, since all of that is public.
 */
import { equalBytes } from '@noble/ciphers/utils.js'
import { randomBytes } from '@noble/hashes/utils.js'
import { groupCode, type NamedGroupCode, schemeParameters } from '../algorithms.ts'
import { concatBytes } from '../bytes.ts'
import { hkdfExpand, hkdfExtract } from '../hkdf.ts'
import { type KeyExchange, x25519MlKem768 } from '../key-exchange.ts'
import { toKeyImport } from '../key-import.ts'
import type { CryptoProvider, PublicKey, SigningKey } from '../provider.ts'
import { fitsScheme } from '../signature-fit.ts'
import { createNobleAead } from './aead.ts'
import { createNobleHash, nobleDigest, nobleHmac, nobleSha1 } from './hash.ts'
import { nobleKeyExchanges } from './key-agreement.ts'
import { decodeNoblePublicKey, decodeNobleSigningKey, NoblePublicKey, NobleSigningKey } from './keys.ts'
import { nobleMlKem768 } from './ml-kem.ts'
import { nobleSign, nobleVerify } from './signatures.ts'

export function createNobleCrypto(): CryptoProvider {
  const verifiable = [...schemeParameters.keys()]
  const signable = verifiable.filter((code) => !schemeParameters.get(code)?.keyType.startsWith('rsa'))
  return {
    name: 'noble',
    capabilities: {
      aeads: [
        'chacha20-poly1305',
        'aes-128-gcm',
        'aes-256-gcm',
        'aes-128-ccm',
        'aes-256-ccm',
        'aes-128-ccm-8',
        'aes-256-ccm-8',
      ],
      hashes: ['sha256', 'sha384', 'sha512'],
      groups: [...exchanges.keys()],
      signatureSchemes: { sign: signable, verify: verifiable },
    },
    random,
    randomSecret: random,
    timingSafeEqual: equalBytes,
    createHash: createNobleHash,
    digest: nobleDigest,
    sha1: nobleSha1,
    hmac: nobleHmac,
    hkdfExtract: (algorithm, salt, input) => hkdfExtract(nobleHmac, algorithm, salt, input),
    hkdfExpand: (algorithm, key, info, length) => hkdfExpand(nobleHmac, algorithm, key, info, length),
    createAead: createNobleAead,
    generateKeyShare: (group) => exchangeOf(group).generate(),
    acceptKeyShare: (group, peerShare) => exchangeOf(group).accept(peerShare),
    importPublicKey: (info) => toKeyImport(() => decodeNoblePublicKey(info)),
    importSigningKey: (der) => toKeyImport(() => decodeNobleSigningKey(der, signable)),
    sign(scheme, key, message) {
      const parameters = schemeParameters.get(scheme)
      if (parameters === undefined || !key.schemes.includes(scheme)) {
        throw new RangeError(`this key does not sign with the scheme ${scheme}`)
      }
      return nobleSign(parameters.algorithm, ownSigningKey(key), message)
    },
    signWith: (algorithm, key, message) => nobleSign(algorithm, ownSigningKey(key), message),
    verify(scheme, key, message, signature) {
      const parameters = schemeParameters.get(scheme)
      if (parameters === undefined || !fitsScheme(parameters, key.algorithm)) return false
      return nobleVerify(parameters.algorithm, ownKey(key), message, signature)
    },
    verifyWith: (algorithm, key, message, signature) => nobleVerify(algorithm, ownKey(key), message, signature),
  }
}

/** In order of preference: post-quantum first, then by speed. */
const exchanges: ReadonlyMap<NamedGroupCode, KeyExchange> = new Map<NamedGroupCode, KeyExchange>([
  [groupCode.X25519MLKEM768, x25519MlKem768(nobleKeyExchanges[groupCode.x25519], nobleMlKem768)],
  [groupCode.x25519, nobleKeyExchanges[groupCode.x25519]],
  [groupCode.secp256r1, nobleKeyExchanges[groupCode.secp256r1]],
  [groupCode.x448, nobleKeyExchanges[groupCode.x448]],
  [groupCode.secp384r1, nobleKeyExchanges[groupCode.secp384r1]],
  [groupCode.secp521r1, nobleKeyExchanges[groupCode.secp521r1]],
])

function exchangeOf(group: NamedGroupCode): KeyExchange {
  const exchange = exchanges.get(group)
  if (exchange === undefined) throw new RangeError(`the noble provider has no group ${group}`)
  return exchange
}

/** The runtime gives at most 65536 bytes at once. */
function random(length: number): Uint8Array {
  if (length <= 65536) return randomBytes(length)
  return concatBytes([randomBytes(65536), random(length - 65536)])
}

function ownSigningKey(key: SigningKey): NobleSigningKey {
  if (!(key instanceof NobleSigningKey)) throw new RangeError('the signing key was imported by another provider')
  return key
}

function ownKey(key: PublicKey): NoblePublicKey {
  if (!(key instanceof NoblePublicKey)) throw new RangeError('the public key was imported by another provider')
  return key
}
