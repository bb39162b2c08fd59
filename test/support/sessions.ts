import { Session, type SessionContent } from 'polytls'

/** A session that no connection gave, for tests of what keeps sessions. */
export function sessionWith(content: Partial<SessionContent> = {}): Session {
  return new Session({
    backend: 'a backend',
    binding: 'a binding',
    version: 'TLSv1.3',
    cipherSuite: 0x1301,
    serverName: 'host.example',
    innerProtocol: 'h2',
    receivedAtMilliseconds: 1_800_000_000_123,
    expiresAtMilliseconds: 1_800_003_600_123,
    authenticatedUntilMilliseconds: 1_800_604_800_123,
    maxEarlyDataBytes: 0,
    peerChain: [],
    verified: true,
    state: Buffer.alloc(32),
    ...content,
  })
}
