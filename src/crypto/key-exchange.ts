/** What every provider's key exchange has in common: one use per private key, checks of shares, and the hybrid group. */
import { groupCode, type NamedGroupCode } from './algorithms.ts'
import { concatBytes, isAllZero, wipe } from './bytes.ts'
import type { AcceptedKeyShare, KeyShare, MlKem768 } from './provider.ts'

/** One group of one provider: both halves of `CryptoProvider`'s key exchange. */
export interface KeyExchange {
  generate(): KeyShare
  accept(peerShare: Uint8Array): AcceptedKeyShare | undefined
}

/** A fresh Diffie-Hellman key. `derive` gives `undefined` for a share that is not acceptable. */
export interface EphemeralKey {
  readonly publicKey: Uint8Array
  derive(peerShare: Uint8Array): Uint8Array | undefined
}

/**
 * RFC 9846, Sections 4.2.8.2 and 7.4.2. Shares of a wrong length never reach the primitive, nor do compressed points, nor does it
 * cost a key to refuse them.
 */
export function diffieHellman(group: DiffieHellmanGroup, generate: () => EphemeralKey): KeyExchange {
  return {
    generate: () => toKeyShare(group, generate()),
    accept: (peerShare) => {
      if (!hasShareForm(group, peerShare)) return undefined
      const own = toKeyShare(group, generate())
      const sharedSecret = own.agree(peerShare)
      return sharedSecret === undefined ? undefined : { publicKey: own.publicKey, sharedSecret }
    },
  }
}

export function toKeyShare(group: DiffieHellmanGroup, key: EphemeralKey): KeyShare {
  return singleUse(group, key.publicKey, (peerShare) => {
    if (!hasShareForm(group, peerShare)) return undefined
    const sharedSecret = key.derive(peerShare)
    if (sharedSecret === undefined) return undefined
    // RFC 7748, Section 6: an all-zero secret comes from a point of small order. On the NIST curves it is as good as any.
    return shareForms[group].first === undefined && isAllZero(sharedSecret) ? undefined : sharedSecret
  })
}

const mlKemKeyLength = 1184
const mlKemCiphertextLength = 1088
const x25519Length = 32

/**
 * X25519MLKEM768 of draft-ietf-tls-ecdhe-mlkem: the initiator sends encapsulation key ‖ x25519 share, the responder ciphertext ‖
 * x25519 share, and the secret is ML-KEM's ‖ x25519's. ML-KEM comes first here, other than in the hybrids with NIST curves.
 */
export function x25519MlKem768(x25519: KeyExchange, mlKem: MlKem768): KeyExchange {
  return {
    generate: () => {
      const kem = mlKem.generate()
      const curve = x25519.generate()
      return singleUse(groupCode.X25519MLKEM768, concatBytes([kem.encapsulationKey, curve.publicKey]), (peerShare) => {
        if (peerShare.length !== mlKemCiphertextLength + x25519Length) return undefined
        const curveSecret = curve.agree(peerShare.subarray(mlKemCiphertextLength))
        if (curveSecret === undefined) return undefined
        return joinSecrets(kem.decapsulate(peerShare.subarray(0, mlKemCiphertextLength)), curveSecret)
      })
    },
    accept: (peerShare) => {
      if (peerShare.length !== mlKemKeyLength + x25519Length) return undefined
      const curve = x25519.accept(peerShare.subarray(mlKemKeyLength))
      if (curve === undefined) return undefined
      const kem = mlKem.encapsulate(peerShare.subarray(0, mlKemKeyLength))
      const sharedSecret = joinSecrets(kem?.sharedSecret, curve.sharedSecret)
      if (kem === undefined || sharedSecret === undefined) return undefined
      return { publicKey: concatBytes([kem.ciphertext, curve.publicKey]), sharedSecret }
    },
  }
}

/** The pieces are wiped: only what they form is needed. */
function joinSecrets(first: Uint8Array | undefined, second: Uint8Array): Uint8Array | undefined {
  const joined = first === undefined ? undefined : concatBytes([first, second])
  if (first !== undefined) wipe(first)
  wipe(second)
  return joined
}

function singleUse(
  group: NamedGroupCode,
  publicKey: Uint8Array,
  derive: (peerShare: Uint8Array) => Uint8Array | undefined,
): KeyShare {
  let remaining: typeof derive | undefined = derive
  return {
    group,
    publicKey,
    agree(peerShare) {
      const once = remaining
      if (once === undefined) throw new RangeError('this ephemeral key has been used')
      remaining = undefined
      return once(peerShare)
    },
  }
}

export type DiffieHellmanGroup = Exclude<(typeof groupCode)[keyof typeof groupCode], typeof groupCode.X25519MLKEM768>
const shareForms: { readonly [G in DiffieHellmanGroup]: { readonly length: number; readonly first?: number } } = {
  [groupCode.x25519]: { length: x25519Length },
  [groupCode.x448]: { length: 56 },
  [groupCode.secp256r1]: { length: 65, first: 4 },
  [groupCode.secp384r1]: { length: 97, first: 4 },
  [groupCode.secp521r1]: { length: 133, first: 4 },
}

function hasShareForm(group: DiffieHellmanGroup, share: Uint8Array): boolean {
  const form = shareForms[group]
  return share.length === form.length && (form.first === undefined || share[0] === form.first)
}
