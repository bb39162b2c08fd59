/** Engines that speak TLS 1.3 with one another in memory, record by record. */

import { type ClientOptions, type ServerOptions, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { abilitiesOf } from '#polytls/backends/portable/abilities.js'
import { CertificateCompression } from '#polytls/backends/portable/certificate-compression.js'
import type { ClientSessions } from '#polytls/backends/portable/client-sessions.js'
import { startClient } from '#polytls/backends/portable/client13.js'
import { Engine } from '#polytls/backends/portable/engine.js'
import { PeerVerifier } from '#polytls/backends/portable/peer-verification.js'
import type { ServerSessions } from '#polytls/backends/portable/server-sessions.js'
import { startServer } from '#polytls/backends/portable/server13.js'
import { type Settings, settingsOf } from '#polytls/backends/portable/settings.js'
import type { ClientSetup, Credential, ServerSetup } from '#polytls/backends/portable/setup.js'
import { ChainsByName } from '#polytls/channel/chains-by-name.js'
import type { ClientBufferOptions } from '#polytls/channel/context.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'
import { noSessions } from '../../support/no-sessions.ts'
import { type ClientEngine, nodeCrypto, type ServerEngine } from './engines12.js'

export interface ClientSide {
  readonly crypto?: CryptoProvider
  readonly options?: ClientOptions
  readonly settings?: Partial<Settings>
  readonly credential?: Credential
  readonly certificateCompression?: CertificateCompression
  readonly paddingMultipleBytes?: number
  /** Default: none are kept. */
  readonly sessions?: (verifier: PeerVerifier) => ClientSessions
  readonly buffer?: ClientBufferOptions
}
export interface ServerSide {
  readonly crypto?: CryptoProvider
  readonly options?: Partial<ServerOptions>
  readonly settings?: Partial<Settings>
  readonly credentials: readonly Credential[]
  readonly certificateCompression?: CertificateCompression
  readonly paddingMultipleBytes?: number
  readonly sessions?: ServerSessions
}

const only13 = { versions: ['TLSv1.3'], tls12Suites: [] } as const

const uncompressed = new CertificateCompression([])

export function client13(side: ClientSide = {}): ClientEngine {
  const { crypto = nodeCrypto, credential, certificateCompression = uncompressed, paddingMultipleBytes } = side
  const configuration = new TLSClientConfiguration(side.options ?? {})
  const verifier = credulous(crypto)
  const setup: ClientSetup = {
    configuration,
    crypto,
    settings: { ...settingsOf(configuration, abilitiesOf(crypto)), ...only13, ...side.settings },
    certificateCompression,
    paddingMultipleBytes,
    credential,
    loadChosen: () => credential as Credential,
    verifier,
    sessions: side.sessions?.(verifier) ?? noSessions(crypto, verifier),
  }
  return clientOf(setup, side.buffer)
}

/** A new connection of the same context. */
export function clientOf(setup: ClientSetup, options: ClientBufferOptions = {}): ClientEngine {
  return new Engine(setup, { isClient: true, serverName: undefined, options, start: startClient })
}

export function server13(side: ServerSide): ServerEngine {
  const { crypto = nodeCrypto, credentials, certificateCompression = uncompressed, paddingMultipleBytes } = side
  // Only what the handshake looks at; the chains are in `credentials`.
  const configuration = Object.assign(Object.create(TLSServerConfiguration.prototype), side.options)
  const { clientAuthentication = 'none' } = configuration as TLSServerConfiguration
  const setup: ServerSetup = {
    configuration,
    crypto,
    settings: { ...settingsOf(configuration, abilitiesOf(crypto)), ...only13, ...side.settings },
    certificateCompression,
    paddingMultipleBytes,
    credentials,
    chains: new ChainsByName(credentials.map(() => ['server.test'])),
    verifier: clientAuthentication === 'none' ? undefined : credulous(crypto),
    lateVerifier: credulous(crypto),
    sessions: side.sessions,
    authorities: [],
  }
  return new Engine(setup, { isClient: false, serverName: undefined, start: startServer })
}

/** Believes everybody: who is to be believed is not what these tests are about. */
function credulous(crypto: CryptoProvider): PeerVerifier {
  return new PeerVerifier({
    crypto,
    anchors: undefined,
    purpose: 'server-authentication',
    now: Date.now,
    skipsHostNameCheck: true,
    ocspStapling: 'none',
  })
}
