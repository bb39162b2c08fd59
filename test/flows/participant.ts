import {
  Certificate,
  type CodePoint,
  type NegotiatedVersion,
  PrivateKey,
  type SigningChain,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { PortableBackend } from '#polytls/backends/portable/backend.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { nodeKeyShareFrom } from '#polytls/crypto/node/key-agreement.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider, KeyShare } from '#polytls/crypto/provider.js'
import { fixedKey } from '../fuzz/fixed-key.ts'
import { seeded } from '../support/randomness.ts'
import { Authority } from '../x509/verify.ts'

/** What our side of a conversation is to do: all of it, so that the same bytes from the peer make it send the same bytes. */
export interface Part {
  readonly role: 'client' | 'server'
  readonly version: NegotiatedVersion
  readonly ciphers: readonly CodePoint[]
  readonly groups: readonly CodePoint[]
  /** Of a client: whether it has a certificate. Of a server: whether it asks for one. */
  readonly authenticatesClient: boolean
  /** Whom it trusts, PEM. */
  readonly trusted: string
  readonly timeMilliseconds: number
  readonly seed: number
}

export const hostName = 'server.test'
/** The authority of our own certificates, and its certificate in PEM form for the peers to trust. */
export const authority = new Authority('CN=Recorded Authority', fixedKey(1))
const chains: { readonly [R in Part['role']]: SigningChain } = {
  client: chainOf(3, 'client.test'),
  server: chainOf(2, hostName),
}

/** Our side of one conversation: a client says a line and ends when it is answered; a server sends back what it gets. */
export class Participant {
  readonly channel: TLSBuffer
  readonly received: number[] = []
  readonly #role: Part['role']
  #said = false

  constructor(part: Part) {
    const { role, version, ciphers, groups, authenticatesClient } = part
    this.#role = role
    const backend = new PortableBackend({
      name: 'portable-recorded',
      crypto: () => fixedCrypto(part.seed),
      now: () => part.timeMilliseconds,
    })
    const common = {
      ciphers,
      groups,
      lowestSupportedVersion: version,
      highestSupportedVersion: version,
      sessions: 'none',
      trustStore: TrustStore.fromBuffer(part.trusted),
    } as const
    this.channel =
      role === 'client'
        ? backend
            .clientContext(
              new TLSClientConfiguration({
                ...common,
                ...(authenticatesClient && { certificateChain: chains.client }),
              }),
            )
            .createBuffer(hostName)
        : backend
            .serverContext(
              new TLSServerConfiguration({
                ...common,
                certificateChain: [chains.server],
                clientAuthentication: authenticatesClient ? 'required' : 'none',
              }),
            )
            .createBuffer()
  }

  /** Takes what came, acts on it, and answers what is to be sent. */
  take(ciphertext: Uint8Array): Uint8Array {
    if (this.channel.processIncoming(ciphertext) !== ciphertext.length) throw new Error('not all of it was taken')
    return this.act()
  }

  act(): Uint8Array {
    const { channel } = this
    if (channel.handshake() === 'done') {
      if (this.#role === 'client' && !this.#said) channel.write(new TextEncoder().encode(line))
      this.#said = true
      for (let read = channel.read(65_536); read !== 'want-read'; read = channel.read(65_536)) {
        if (typeof read === 'string') {
          channel.shutdown()
          break
        }
        this.received.push(...read)
        if (this.#role === 'server') channel.write(read)
        else if (read.at(-1) === newline) {
          channel.shutdown()
          break
        }
      }
    }
    return channel.processOutgoing()
  }
}

export const line = 'hello over there\n'
const newline = 0x0a

function chainOf(number: number, name: string): SigningChain {
  const key = fixedKey(number)
  return {
    leaf: Certificate.fromBuffer(authority.issue(name, { key, serial: number })),
    key: PrivateKey.fromBuffer(key.privateKey.export({ format: 'der', type: 'pkcs8' })),
  }
}

/** node:crypto, with random bytes and key shares that are always the same. Our certificates have Ed25519 keys, whose signatures are. */
function fixedCrypto(seed: number): CryptoProvider {
  const node = createNodeCrypto()
  const next = seeded(seed)
  const random = (length: number): Uint8Array => Uint8Array.from({ length }, () => next() * 256)
  const share = (group: number): KeyShare => {
    if (group === groupCode.X25519MLKEM768) throw new Error('this group is not recorded')
    const secret = random(secretLengths.get(group) ?? 0)
    // Below the order of each curve.
    secret[0] = group === groupCode.secp521r1 ? 1 : 0x55
    return nodeKeyShareFrom(group as Parameters<typeof nodeKeyShareFrom>[0], secret)
  }
  const changes: Pick<CryptoProvider, 'random' | 'generateKeyShare' | 'acceptKeyShare'> = {
    random,
    generateKeyShare: share,
    acceptKeyShare: (group, peer) => {
      const own = share(group)
      const sharedSecret = own.agree(peer)
      return sharedSecret && { publicKey: own.publicKey, sharedSecret }
    },
  }
  return Object.assign(Object.create(node), changes)
}

const secretLengths: ReadonlyMap<number, number> = new Map([
  [groupCode.x25519, 32],
  [groupCode.x448, 56],
  [groupCode.secp256r1, 32],
  [groupCode.secp384r1, 48],
  [groupCode.secp521r1, 66],
])
