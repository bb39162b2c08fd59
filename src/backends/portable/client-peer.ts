/** Who the client of a server of TLS 1.3 is: proven, or nobody in particular. */
import type { PeerIdentity } from '../../config/peer-identity.ts'
import { CertificateError } from '../../errors.ts'
import type { AuthenticatedPeer } from './authentication.ts'
import type { ServerConnection } from './connection.ts'
import { identityOf, type KeyedPeer, type ResumedPeer } from './session-peer.ts'

declare const proof: unique symbol

/** A client that showed no certificate, which is all right. Made only by `acceptAnonymous`. */
export interface AnonymousPeer {
  readonly [proof]: 'anonymous'
}
export type ClientPeer = AuthenticatedPeer | AnonymousPeer | ResumedPeer | KeyedPeer

export function isAnonymous(peer: ClientPeer): peer is AnonymousPeer {
  return !('chain' in peer) && !('key' in peer)
}

/** For the veto: without certificates where it showed none. */
export function whoIs(peer: ClientPeer): PeerIdentity {
  return isAnonymous(peer) ? nobody : identityOf(peer, undefined)
}

/** @throws CertificateError where the configuration requires a certificate. */
export function acceptAnonymous({ setup }: ServerConnection): AnonymousPeer {
  if (setup.verifier !== undefined && setup.configuration.clientAuthentication === 'required') {
    throw new CertificateError('missing', 'the client sent no certificate, and one is required', {
      alert: 'certificate_required',
    })
  }
  // The one place where the proof is made.
  return {} as unknown as AnonymousPeer
}

const nobody = Object.freeze({ chain: Object.freeze([]), serverName: undefined })
