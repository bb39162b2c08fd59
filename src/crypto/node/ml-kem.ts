/** ML-KEM-768 of node:crypto, which has it from Node 24.7 on (with OpenSSL 3.5). */
import * as crypto from 'node:crypto'
import { concatBytes } from '../bytes.ts'
import type { MlKem768 } from '../provider.ts'

/** `undefined` where this Node has no ML-KEM. */
export function nodeMlKem768(): MlKem768 | undefined {
  const { encapsulate, decapsulate } = crypto as unknown as Partial<KeyEncapsulationOfNode>
  if (encapsulate === undefined || decapsulate === undefined) return undefined
  const generateKeyPair = crypto.generateKeyPairSync as unknown as KeyEncapsulationOfNode['generateKeyPairSync']
  try {
    // The functions may be there while the OpenSSL that Node was linked with lacks the algorithm.
    generateKeyPair('ml-kem-768')
  } catch {
    return undefined
  }
  return {
    generate() {
      const { publicKey, privateKey } = generateKeyPair('ml-kem-768')
      const info = publicKey.export({ format: 'der', type: 'spki' })
      return {
        encapsulationKey: Uint8Array.from(info.subarray(infoPrefix.length)),
        decapsulate(ciphertext) {
          try {
            return decapsulate(privateKey, ciphertext)
          } catch {
            return undefined
          }
        },
      }
    },
    encapsulate(encapsulationKey) {
      try {
        const key = Buffer.from(concatBytes([infoPrefix, encapsulationKey]))
        const { ciphertext, sharedKey } = encapsulate(crypto.createPublicKey({ key, format: 'der', type: 'spki' }))
        return { ciphertext, sharedSecret: sharedKey }
      } catch {
        return undefined
      }
    },
  }
}

/** What the types of Node 20 do not know. */
interface KeyEncapsulationOfNode {
  generateKeyPairSync(type: 'ml-kem-768'): crypto.KeyPairKeyObjectResult
  encapsulate(key: crypto.KeyObject): { readonly ciphertext: Uint8Array; readonly sharedKey: Uint8Array }
  decapsulate(key: crypto.KeyObject, ciphertext: Uint8Array): Uint8Array
}

/** SubjectPublicKeyInfo of id-alg-ml-kem-768 up to the key of 1184 bytes: draft-ietf-lamps-kyber-certificates. */
const infoPrefix = Uint8Array.of(
  0x30,
  0x82,
  0x04,
  0xb2,
  0x30,
  0x0b,
  0x06,
  0x09,
  0x60,
  0x86,
  0x48,
  0x01,
  0x65,
  0x03,
  0x04,
  0x04,
  0x02,
  0x03,
  0x82,
  0x04,
  0xa1,
  0x00,
)
