import { createPublicKey } from 'node:crypto'
import { type Backend, type CodePoint, PrivateKey, type SigningChain } from 'polytls'
import { decodePem } from '#polytls/codec/pem.js'
import { schemeParameters } from '#polytls/crypto/algorithms.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import { signsRSA } from './backends.ts'
import { type Identity, signingChain } from './identities.ts'

const crypto = createNodeCrypto()

/** What a side shows of itself, and a signer that is not the backend, as in a browser WebCrypto is not: it answers later. */
export function signingElsewhere(identity: Identity): SigningChain {
  const [block] = decodePem(new TextEncoder().encode(identity.key))
  const { key } = crypto.importSigningKey(block?.bytes ?? new Uint8Array(0))
  if (key === undefined) throw new Error('the key cannot be read')
  const sign = async (scheme: CodePoint, message: Uint8Array): Promise<Uint8Array> => {
    const parameters = schemeParameters.get(scheme)
    if (parameters === undefined) throw new Error(`asked to sign with ${scheme}`)
    return crypto.signWith(parameters.algorithm, key, message)
  }
  const publicKey = createPublicKey(identity.key).export({ type: 'spki', format: 'der' })
  return { ...signingChain(identity), key: PrivateKey.fromSigner({ publicKey, schemes: key.schemes, sign }) }
}

/** What a side of a backend shows: the key itself where the backend signs with it, else a signer. */
export function chainFor(backend: Backend, identity: Identity): SigningChain {
  const isRSA = createPublicKey(identity.key).asymmetricKeyType?.startsWith('rsa') === true
  return isRSA && !signsRSA(backend) ? signingElsewhere(identity) : signingChain(identity)
}
