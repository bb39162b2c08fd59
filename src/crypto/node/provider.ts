/** The provider over node:crypto: the fastest where it exists. Node 20.19 and later, and what imitates it. */
import { createHash, generateKeyPairSync, getCiphers, randomBytes, timingSafeEqual } from 'node:crypto'
import { type AeadAlgorithm, aeadParameters, groupCode, type NamedGroupCode, schemeParameters } from '../algorithms.ts'
import { hkdfExpand, hkdfExtract } from '../hkdf.ts'
import { type KeyExchange, x25519MlKem768 } from '../key-exchange.ts'
import { toKeyImport } from '../key-import.ts'
import type { CryptoProvider, MlKem768, PublicKey, SigningKey } from '../provider.ts'
import { fitsScheme } from '../signature-fit.ts'
import { createNodeAead } from './aead.ts'
import { createNodeHash, nodeDigest } from './hash.ts'
import { nodeHmac } from './hmac.ts'
import { nodeKeyExchanges } from './key-agreement.ts'
import {
  decodeNodePublicKey,
  decodeNodeSigningKey,
  decryptNodePrivateKey,
  NodePublicKey,
  NodeSigningKey,
} from './keys.ts'
import { nodeMlKem768 } from './ml-kem.ts'
import { nodeRandom } from './random.ts'
import { nodeSign, nodeVerify } from './signatures.ts'

export interface NodeCryptoOptions {
  /**
   * ML-KEM for a Node without its own (before 24.7), such as `nobleMlKem768`. It is the caller who brings it, so that this provider
   * does not load a second implementation that most runs do not need. Without either, the group X25519MLKEM768 is not offered.
   */
  readonly mlKem768?: MlKem768
}

export function createNodeCrypto(options: NodeCryptoOptions = {}): CryptoProvider {
  const exchanges = new Map<NamedGroupCode, KeyExchange>()
  const native = nodeMlKem768()
  const mlKem = native ?? options.mlKem768
  if (mlKem !== undefined) {
    exchanges.set(groupCode.X25519MLKEM768, x25519MlKem768(nodeKeyExchanges[groupCode.x25519], mlKem))
  }
  for (const group of plainGroups) {
    if (group !== groupCode.x448 || works(() => generateKeyPairSync('x448'))) {
      exchanges.set(group, nodeKeyExchanges[group])
    }
  }
  const ed448 = works(() => generateKeyPairSync('ed448'))
  const schemes = [...schemeParameters].filter(([, { keyType }]) => keyType !== 'ed448' || ed448).map(([code]) => code)
  const exchangeOf = (group: NamedGroupCode): KeyExchange => {
    const exchange = exchanges.get(group)
    if (exchange === undefined) throw new RangeError(`the node provider has no group ${group}`)
    return exchange
  }
  return {
    name: 'node',
    capabilities: {
      aeads: availableAeads(),
      hashes: ['sha256', 'sha384', 'sha512'],
      groups: [...exchanges.keys()],
      // In JavaScript ML-KEM takes 2 ms for both sides together, x25519 in OpenSSL 0.1 ms.
      slowGroups: mlKem !== undefined && native === undefined ? [groupCode.X25519MLKEM768] : [],
      signatureSchemes: { sign: schemes, verify: schemes },
    },
    random: nodeRandom,
    randomSecret: (length) => randomBytes(length),
    timingSafeEqual: (a, b) => a.length === b.length && timingSafeEqual(a, b),
    // Not from Node's pool: the memory may be handed to whoever sends it.
    allocate: (length) => Buffer.allocUnsafeSlow(length),
    createHash: createNodeHash,
    digest: nodeDigest,
    sha1: (data) => createHash('sha1').update(data).digest(),
    hmac: nodeHmac,
    hkdfExtract: (algorithm, salt, input) => hkdfExtract(nodeHmac, algorithm, salt, input),
    hkdfExpand: (algorithm, key, info, length) => hkdfExpand(nodeHmac, algorithm, key, info, length),
    createAead: createNodeAead,
    generateKeyShare: (group) => exchangeOf(group).generate(),
    acceptKeyShare: (group, peerShare) => exchangeOf(group).accept(peerShare),
    importPublicKey: (info) => toKeyImport(() => decodeNodePublicKey(info)),
    importSigningKey: (der) => toKeyImport(() => decodeNodeSigningKey(der, schemes)),
    decryptPrivateKey: decryptNodePrivateKey,
    sign(scheme, key, message) {
      const parameters = schemeParameters.get(scheme)
      if (parameters === undefined || !key.schemes.includes(scheme)) {
        throw new RangeError(`this key does not sign with the scheme ${scheme}`)
      }
      return nodeSign(parameters.algorithm, ownSigningKey(key), message)
    },
    signWith: (algorithm, key, message) => nodeSign(algorithm, ownSigningKey(key), message),
    verify(scheme, key, message, signature) {
      const parameters = schemeParameters.get(scheme)
      if (parameters === undefined || !fitsScheme(parameters, key.algorithm)) return false
      return nodeVerify(parameters.algorithm, ownKey(key), message, signature)
    },
    verifyWith: (algorithm, key, message, signature) => nodeVerify(algorithm, ownKey(key), message, signature),
  }
}

const plainGroups = [
  groupCode.x25519,
  groupCode.secp256r1,
  groupCode.x448,
  groupCode.secp384r1,
  groupCode.secp521r1,
] as const

/** A build of OpenSSL in FIPS mode lacks ChaCha20; a Node on BoringSSL lacks CCM. */
function availableAeads(): readonly AeadAlgorithm[] {
  const ciphers = new Set(getCiphers())
  const available = (name: string) => ciphers.has(name) || ciphers.has(`id-${name}`)
  return (Object.keys(aeadParameters) as AeadAlgorithm[]).filter((name) => available(name.replace(/-8$/, '')))
}

/** The larger Edwards curve is missing where BoringSSL stands in for OpenSSL. */
function works(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

function ownSigningKey(key: SigningKey): NodeSigningKey {
  if (!(key instanceof NodeSigningKey)) throw new RangeError('the signing key was imported by another provider')
  return key
}

function ownKey(key: PublicKey): NodePublicKey {
  if (!(key instanceof NodePublicKey)) throw new RangeError('the public key was imported by another provider')
  return key
}
