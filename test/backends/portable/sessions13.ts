/** Engines of TLS 1.3 that have a session between them, or are to look for one. */
import { TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { ClientSessions } from '#polytls/backends/portable/client-sessions.js'
import type { PeerVerifier } from '#polytls/backends/portable/peer-verification.js'
import { ServerSessions } from '#polytls/backends/portable/server-sessions.js'
import type { Credential } from '#polytls/backends/portable/setup.js'
import type { ReplayGuard } from '#polytls/config/replay-guard.js'
import type { SessionCache } from '#polytls/config/session-cache.js'
import { type ClientEngine, converse, nodeCrypto, type ServerEngine } from './engines12.js'
import { type ClientSide, client13, clientOf, server13 } from './engines13.js'

const now = (): number => Date.now()

/** A client's sessions in a cache of the application's, or in its own. */
export function clientSessions(cache?: SessionCache): NonNullable<ClientSide['sessions']> {
  const configuration = new TLSClientConfiguration(cache === undefined ? {} : { sessions: cache })
  return (verifier: PeerVerifier) =>
    new ClientSessions({ backendName: 'portable', configuration, crypto: nodeCrypto, verifier, now })
}

/** A client that is going to resume with early data, and the server that gave it the session. */
export function resuming(
  credential: Credential,
  replayGuard?: ReplayGuard,
): { readonly client: ClientEngine; readonly server: ServerEngine } {
  const configuration = Object.assign(Object.create(TLSServerConfiguration.prototype), {
    maxEarlyDataBytes: 1000,
    replayGuard,
  }) as TLSServerConfiguration
  const sessions = new ServerSessions({ configuration, crypto: nodeCrypto, now, binding: new Uint8Array(32) })
  const credentials = [credential]
  const first = client13({ sessions: clientSessions() })
  const server = server13({ credentials, sessions })
  converse(first, server)
  first.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
  first.receive()
  const client = clientOf(first.setup, { earlyData: Uint8Array.of(1, 2, 3) })
  return { client, server: server13({ credentials, sessions }) }
}
