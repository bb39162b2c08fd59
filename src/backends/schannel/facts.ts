import { type ConnectionFacts, noFacts } from '../../channel/facts.ts'
import type { NegotiatedVersion } from '../../config/tls-version.ts'
import type { CredentialStructure } from './abilities.ts'
import { ApplicationProtocol, Protocol, sessionReconnect } from './constants.ts'
import { type ClientHello, type ServerHello, type ServerKeyExchange, tls12, tls13 } from './hello.ts'
import type { Session } from './session.ts'

/** What went over the wire in the clear. */
export interface SeenHandshake {
  readonly clientHello: ClientHello | undefined
  readonly serverHello: ServerHello | undefined
  readonly serverKeyExchange: ServerKeyExchange | undefined
}

/** What was agreed: as Schannel says it, and where it does not, as the two Hellos have it. What neither says is undefined. */
export function readFacts(
  session: Session,
  seen: SeenHandshake,
  known: {
    readonly isServer: boolean
    readonly serverName: string | undefined
    readonly peerChain: readonly Uint8Array[]
    readonly verified: boolean
    readonly credentialStructure: CredentialStructure
  },
): ConnectionFacts {
  const { isServer, serverName, peerChain, verified, credentialStructure } = known
  const { clientHello, serverHello, serverKeyExchange } = seen
  return Object.freeze({
    ...noFacts,
    version: versionByBits.get(session.query('CONNECTION_INFO')?.protocol ?? 0) ?? versionOf(serverHello),
    cipherSuite: session.query('CIPHER_INFO')?.cipherSuite || serverHello?.cipherSuite,
    group: serverHello?.group ?? serverKeyExchange?.group,
    // In TLS 1.3 it is encrypted, and Schannel does not tell; nor does it of a client's in TLS 1.2.
    signatureScheme: isServer && peerChain.length > 0 ? undefined : serverKeyExchange?.signatureScheme,
    innerProtocol: readInnerProtocol(session),
    serverName: isServer ? clientHello?.serverName?.toLowerCase() : serverName,
    peerCertificate: peerChain[0],
    peerChain,
    verified,
    resumed: ((session.query('SESSION_INFO')?.flags ?? 0) & sessionReconnect) !== 0,
    credentialStructure,
  })
}

export function versionOf(serverHello: ServerHello | undefined): NegotiatedVersion | undefined {
  if (serverHello?.version === tls13) return 'TLSv1.3'
  return serverHello?.version === tls12 ? 'TLSv1.2' : undefined
}

const versionByBits: ReadonlyMap<number, NegotiatedVersion> = new Map<number, NegotiatedVersion>([
  [Protocol.TLS1_2_CLIENT, 'TLSv1.2'],
  [Protocol.TLS1_2_SERVER, 'TLSv1.2'],
  [Protocol.TLS1_3_CLIENT, 'TLSv1.3'],
  [Protocol.TLS1_3_SERVER, 'TLSv1.3'],
])

function readInnerProtocol(session: Session): string | undefined {
  const { status, protocol } = session.query('APPLICATION_PROTOCOL') ?? { status: 0, protocol: new Uint8Array(0) }
  if (status !== ApplicationProtocol.SUCCESS || protocol.byteLength === 0) return undefined
  return Buffer.from(protocol).toString('utf8')
}
