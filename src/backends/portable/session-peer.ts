/** Peers that prove nothing with a certificate in this connection: they have a key that only they can have. */
import type { ConnectionFacts } from '../../channel/facts.ts'
import type { PeerIdentity } from '../../config/peer-identity.ts'
import type { PreSharedKey } from '../../config/pre-shared-key.ts'
import type { AuthenticatedPeer } from './authentication.ts'
import { fault } from './faults.ts'
import type { ProvenKey } from './key-lookup.ts'
import type { OfferedKey } from './offered-keys.ts'
import type { SuiteParameters } from './suites.ts'

declare const proof: unique symbol

/** The peer of an earlier connection, who it was then. Made only here. */
export interface ResumedPeer {
  readonly [proof]: 'session'
  readonly chain: readonly Uint8Array[]
  readonly verified: boolean
  readonly ageMilliseconds: number
  /** When it has to prove again who it is. */
  readonly authenticatedUntilMilliseconds: number
}

/** Whoever has the external key. Made only here. */
export interface KeyedPeer {
  readonly [proof]: 'pre-shared key'
  readonly key: PreSharedKey
}

/** The server has chosen the key; that it has it, its Finished will show. */
export function serverOf({ origin }: OfferedKey): ResumedPeer | KeyedPeer {
  if (origin.kind === 'external') return { key: origin.key } as unknown as KeyedPeer
  const { session, verified, ageMilliseconds } = origin.offered
  const { peerChain: chain, authenticatedUntilMilliseconds } = session
  return { chain, verified, ageMilliseconds, authenticatedUntilMilliseconds } as unknown as ResumedPeer
}

/** The client's binder has shown that it has the key. */
export function clientOf({ origin }: ProvenKey, nowMilliseconds: number): ResumedPeer | KeyedPeer {
  if (origin.kind === 'external') return { key: origin.key } as unknown as KeyedPeer
  const { peerChain: chain, verified, issuedAtMilliseconds, authenticatedUntilMilliseconds } = origin.session
  const ageMilliseconds = nowMilliseconds - issuedAtMilliseconds
  return { chain, verified, ageMilliseconds, authenticatedUntilMilliseconds } as unknown as ResumedPeer
}

/** What the server's choice among the keys means. @throws ProtocolError where it is none. */
export function chosenKey(
  offered: readonly OfferedKey[],
  index: number | undefined,
  suite: SuiteParameters,
): OfferedKey | undefined {
  if (index === undefined) return undefined
  const key = offered[index]
  if (key?.hash !== suite.hash) throw fault('wrong-key-choice', `number ${index}`)
  return key
}

type ProvenPeer = AuthenticatedPeer | ResumedPeer | KeyedPeer

/** Who that is, for the veto. */
export function identityOf(peer: ProvenPeer, serverName: string | undefined): PeerIdentity {
  if ('signatureScheme' in peer) return Object.freeze({ chain: peer.chain.chain, serverName })
  if ('key' in peer) return Object.freeze({ chain: Object.freeze([]), serverName })
  return Object.freeze({ chain: peer.chain, serverName, resumed: true })
}

/** What is known of the peer. */
export function peerFacts(
  peer: ProvenPeer,
): Pick<
  ConnectionFacts,
  'peerCertificate' | 'peerChain' | 'verified' | 'resumed' | 'sessionAgeMilliseconds' | 'preSharedKeyIdentity'
> {
  const certificates = certificatesOf(peer)
  return {
    peerCertificate: certificates.peerChain[0],
    ...certificates,
    resumed: 'ageMilliseconds' in peer,
    sessionAgeMilliseconds: 'ageMilliseconds' in peer ? peer.ageMilliseconds : undefined,
    preSharedKeyIdentity: 'key' in peer ? peer.key.identity : undefined,
  }
}

/** The chain that stands for the peer, and whether it was verified. Who has the external key has proved itself by that. */
export function certificatesOf(peer: ProvenPeer): {
  readonly peerChain: readonly Uint8Array[]
  readonly verified: boolean
} {
  if ('signatureScheme' in peer) return { peerChain: peer.chain.chain, verified: peer.chain.verified }
  if ('key' in peer) return { peerChain: Object.freeze([]), verified: true }
  return { peerChain: peer.chain, verified: peer.verified }
}
