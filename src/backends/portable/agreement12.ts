/** What a client of TLS 1.2 makes of a ServerHello: RFC 5246, Section 7.4.1.3. */
import { disagreement } from '../../channel/disagreement.ts'
import { cipherSuiteName } from '../../config/cipher-suite.ts'
import { acceptProtocol } from './application-protocols.ts'
import type { ClientConnection } from './connection.ts'
import { hasDowngradeSentinel } from './downgrade.ts'
import { fault } from './faults.ts'
import { Flight12, tls12Version, uncompressedPoints } from './handshake12.ts'
import type { Randoms } from './key-schedule12.ts'
import type { ServerHello12 } from './messages/server-hello.ts'
import type { SentHello } from './sent-hello.ts'
import { type SuiteParameters, suites } from './suites.ts'

/**
 * The server chose TLS 1.2.
 * @param offered The ClientHello; its transcript holds that and no ServerHello yet.
 */
export function agreeOnHellos12(
  connection: ClientConnection,
  offered: SentHello,
  hello: ServerHello12,
  raw: Uint8Array,
): Agreed12 {
  connection.agreeOn('TLSv1.2')
  const { setup } = connection
  const { settings } = setup
  if (hello.legacyVersion !== tls12Version) {
    throw disagreement('version', `the server chose the version 0x${hello.legacyVersion.toString(16)}`)
  }
  if (settings.versions.includes('TLSv1.3') && hasDowngradeSentinel(hello.random)) throw fault('downgrade')
  const suite = suites.get(hello.cipherSuite)
  if (suite?.version !== 'TLSv1.2' || !settings.tls12Suites.includes(suite.code)) {
    throw fault('wrong-cipher-suite-choice', cipherSuiteName(hello.cipherSuite))
  }
  const { extensions } = hello
  if (extensions.extended_master_secret === undefined) throw fault('no-extended-master-secret')
  // RFC 9325, Section 3.5: a server that does not acknowledge secure renegotiation is left. RFC 5746, Section 3.4: the value is empty.
  if (extensions.renegotiation_info?.length !== 0) throw fault('renegotiation-mismatch')
  if (extensions.ec_point_formats?.includes(uncompressedPoints) === false)
    throw fault('illegal-parameter', 'point formats')

  offered.transcript.start(suite.hash)
  // Kept where we may have to sign them.
  const mayShow = setup.credential !== undefined || setup.configuration.chooseCertificate !== undefined
  const flight = new Flight12(offered.transcript, mayShow ? [offered.raw] : undefined)
  flight.add(raw)
  return {
    connection,
    suite,
    flight,
    randoms: { client: offered.random, server: hello.random.slice() },
    innerProtocol: acceptProtocol(settings.innerProtocols, extensions.application_layer_protocol_negotiation),
    expectsTicket: extensions.session_ticket === true,
    expectsStatus: extensions.status_request === true,
    timestamps: extensions.signed_certificate_timestamp?.map((each) => each.slice()),
    recordSizeLimit: extensions.record_size_limit,
    sessionId: hello.sessionId.slice(),
  }
}

/** What the hellos agreed on. */
export interface Agreed12 {
  readonly connection: ClientConnection
  readonly suite: SuiteParameters
  readonly flight: Flight12
  readonly randoms: Randoms
  readonly innerProtocol: string | undefined
  readonly expectsTicket: boolean
  readonly expectsStatus: boolean
  readonly timestamps: readonly Uint8Array[] | undefined
  /** The server's name for the session; empty where it keeps none. */
  readonly sessionId: Uint8Array
  readonly recordSizeLimit: number | undefined
}
