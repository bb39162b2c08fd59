import { ClientSessions } from '#polytls/backends/portable/client-sessions.js'
import type { PeerVerifier } from '#polytls/backends/portable/peer-verification.js'
import { TLSClientConfiguration } from '#polytls/config/client-configuration.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'

/** What a client without sessions has, for tests of the handshake alone. */
export function noSessions(crypto: CryptoProvider, verifier: PeerVerifier): ClientSessions {
  const configuration = new TLSClientConfiguration({ sessions: 'none' })
  return new ClientSessions({ backendName: 'portable', configuration, crypto, verifier, now: Date.now })
}

/** What a hello has that offers neither sessions nor keys. */
export const offersNothing = {
  offered: [],
  session12: undefined,
  earlySuite: undefined,
  rejectedEarlyData: false,
} as const
