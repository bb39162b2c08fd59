import type { ClientOptions, TLSClientConfiguration } from '../config/client-configuration.ts'
import { identityOf } from '../config/identity.ts'
import { type Session, stateOf } from '../config/session.ts'
import { longestSessionStateBytes } from './limits.ts'

/** For what service of a host a session is. */
export interface SessionPurpose {
  readonly backend: string
  readonly serverName: string | undefined
  readonly service: string | undefined
  /** What the client shows of itself, DER: a file may hold another certificate than before. */
  readonly ownCertificate: Uint8Array | undefined
}

/**
 * Everything that makes a server acceptable, as one text: a backend's digest of it is the key under which sessions are kept, and what
 * a session must have to be offered. It holds secrets in clear and never leaves the backend.
 *
 * `isProcessBound` where functions or signers are part of it: they have no meaning in another process, so the digest has to contain
 * something that no other process has.
 */
export function sessionBindingOf(
  configuration: TLSClientConfiguration,
  { backend, serverName, service, ownCertificate }: SessionPurpose,
): { readonly text: string; readonly isProcessBound: boolean } {
  // What says nothing about whom to believe, and as whom to appear.
  const { sessions, keyLog, handshakeTimeoutMilliseconds, ...rest } = configuration as ClientOptions
  const { verifyPeer, chooseCertificate, certificateChain } = rest
  const isProcessBound =
    verifyPeer !== undefined ||
    chooseCertificate !== undefined ||
    certificateChain?.ocspResponse !== undefined ||
    certificateChain?.key.source.kind === 'signer'
  return { text: identityOf([backend, serverName ?? '', service ?? '', ownCertificate, rest]), isProcessBound }
}

/** Whether a session can be offered now, for this purpose. Facts that its backend alone can read are for that to check. */
export function isOfferable(
  session: Session,
  {
    backend,
    binding,
    nowMilliseconds,
  }: { readonly backend: string; readonly binding: string; readonly nowMilliseconds: number },
): boolean {
  return (
    session.backend === backend &&
    stateOf(session).byteLength <= longestSessionStateBytes &&
    session.binding === binding &&
    // Also where the clock was set back: a ticket from the future tells a wrong age.
    nowMilliseconds >= session.receivedAtMilliseconds &&
    nowMilliseconds < session.expiresAtMilliseconds
  )
}
