import { agreedFacts } from '../../channel/facts.ts'
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import { chooseProtocol } from './application-protocols.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import {
  establish12,
  Flight12,
  type SameHandshake,
  type Secrets12,
  sendFinished12,
  tls12Version,
  verifyFinished12,
} from './handshake12.ts'
import { nameOf } from './key-lookup.ts'
import { MasterSecret } from './key-schedule12.ts'
import type { AnyState, Checked, StateOf } from './machine.ts'
import type { ClientHello } from './messages/client-hello.ts'
import { encodeNewSessionTicket12 } from './messages/post-handshake.ts'
import { encodeServerHello } from './messages/server-hello.ts'
import type { ServerSession } from './server-session.ts'
import { checkClientHello12, helloExtensions12, serverRandom12, startServer12 } from './server12.ts'
import { suites } from './suites.ts'
import { Transcript } from './transcript.ts'

/** TLS 1.2's server where the client wants to resume: RFC 5246, Section 7.3, Figure 2; RFC 5077, Section 3.1. */
export const RESUMED_SERVER12 = {
  FINDING_SESSION: { stored_session: ['WAIT_CCS', 'FULL'] }, // paused: the server's store
  WAIT_CCS: { change_cipher_spec: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['VETTING', 'CONNECTED'] },
  VETTING: { accepted: ['CONNECTED'] }, // paused: the application's veto
  CONNECTED: { client_hello: [] }, // a renegotiation, which is refused
  FULL: {}, // goes on in the diagram of the full handshake
} as const
type In<S extends keyof typeof RESUMED_SERVER12> = StateOf<Checked<typeof RESUMED_SERVER12>, S>

interface Hello {
  readonly connection: ServerConnection
  readonly hello: ClientHello
  readonly raw: Uint8Array
}
interface Resumed extends Hello {
  readonly session: ServerSession
  readonly flight: Flight12
  readonly secrets: Secrets12
  readonly innerProtocol: string | undefined
}

/** Takes a handshake over from the common hello: TLS 1.2 is the highest version that both sides speak. */
export function startTLS12(connection: ServerConnection, hello: ClientHello, raw: Uint8Array): AnyState {
  connection.agreeOn('TLSv1.2')
  checkClientHello12(hello)
  const first = { connection, hello, raw }
  const { sessions } = connection.setup
  const { sessionId, extensions } = hello
  const { session_ticket: ticket } = extensions
  const { store } = sessions ?? {}
  if (sessions === undefined) return startServer12(connection, hello, raw)
  // Without an id of its own a client sees by what follows whether it resumes: RFC 5077, Section 3.4.
  if (store === undefined)
    return resumeOrNot(first, ticket && sessions.open(ticket), ticket) ?? startServer12(connection, hello, raw)
  if (!sessions.isTicket(sessionId)) return startServer12(connection, hello, raw)
  const id = sessionId.slice()
  const goOn = (stored: Uint8Array | undefined): In<'WAIT_CCS'> | undefined =>
    resumeOrNot(first, stored && sessions.read(stored))
  if (store instanceof MemorySessionStore)
    return goOn(store.get(id, { once: false })) ?? startServer12(connection, hello, raw)
  connection.pause({ kind: 'get-session', store, id, once: false })
  return findingSession(first, goOn)
}

function findingSession(
  { connection, hello, raw }: Hello,
  goOn: (stored: Uint8Array | undefined) => In<'WAIT_CCS'> | undefined,
): In<'FINDING_SESSION'> {
  return {
    name: 'FINDING_SESSION',
    on: {
      stored_session: (stored) => {
        const resumed = goOn(stored)
        if (resumed !== undefined) return resumed
        connection.handOver(startServer12(connection, hello, raw))
        return { name: 'FULL', on: {} }
      },
    },
  }
}

/** ServerHello to Finished, where the session is one that can be resumed here and now. */
function resumeOrNot(
  { connection, hello, raw }: Hello,
  session: ServerSession | undefined,
  ticket?: Uint8Array,
): In<'WAIT_CCS'> | undefined {
  const { setup, crypto } = connection
  const { sessions, settings } = setup
  const suite = session && suites.get(session.cipherSuite)
  if (session === undefined || suite === undefined) return undefined
  const isAgreeable = settings.tls12Suites.includes(suite.code) && hello.cipherSuites.includes(suite.code)
  if (!isAgreeable || sessions?.isFitting(session, 'TLSv1.2', nameOf(hello)) !== true) return undefined
  const { extensions } = hello
  const innerProtocol = chooseProtocol(settings.innerProtocols, extensions.application_layer_protocol_negotiation)
  const transcript = new Transcript(crypto)
  transcript.start(suite.hash)
  const flight = new Flight12(transcript, undefined)
  flight.add(raw)
  const randoms = { client: hello.random.slice(), server: serverRandom12(connection) }
  const master = MasterSecret.resumed(crypto, suite, randoms, session.secret)
  connection.logSecret('CLIENT_RANDOM', randoms.client, master.reveal())
  const renewed = ticket && sessions.renew(ticket, session)
  const send = (message: Uint8Array): void => {
    flight.add(message)
    connection.send(message)
  }
  const message = encodeServerHello({
    kind: 'server_hello12',
    legacyVersion: tls12Version,
    random: randoms.server,
    sessionId: hello.sessionId,
    cipherSuite: suite.code,
    // The name is not acknowledged: RFC 6066, Section 3.
    extensions: { ...helloExtensions12(hello, innerProtocol), session_ticket: renewed && true },
  })
  send(message)
  if (renewed !== undefined)
    send(encodeNewSessionTicket12({ lifetimeHintSeconds: sessions.lifetimeSeconds, ticket: renewed }))
  const secrets = { master, keys: master.keys() }
  connection.guard(master, secrets.keys)
  if (extensions.record_size_limit !== undefined) connection.limitOutgoingContent(extensions.record_size_limit)
  sendFinished12(connection, 'server', flight, secrets)
  return waitChangeCipherSpec({ connection, hello, raw, session, flight, secrets, innerProtocol })
}

function waitChangeCipherSpec(resumed: Resumed): In<'WAIT_CCS'> {
  return {
    name: 'WAIT_CCS',
    on: {
      change_cipher_spec: () => {
        resumed.connection.protectIncoming(resumed.secrets.keys.opener('client'))
        return waitFinished(resumed)
      },
    },
  }
}

function waitFinished(resumed: Resumed): In<'WAIT_FINISHED'> {
  const { connection, flight, secrets, session } = resumed
  return {
    name: 'WAIT_FINISHED',
    on: {
      finished: (input) => {
        const same = verifyFinished12(connection, 'client', flight, secrets, input)
        if (connection.setup.configuration.verifyPeer === undefined) return connected(resumed, same)
        const peer = Object.freeze({ chain: session.peerChain, serverName: undefined, resumed: true })
        connection.pause({ kind: 'verify-peer', peer })
        return { name: 'VETTING', on: { accepted: () => connected(resumed, same) } }
      },
    },
  }
}

/** The client has the session's secret: it is who it was when the session began. */
function connected(
  { connection, hello, session, secrets, innerProtocol }: Resumed,
  _same: SameHandshake,
): In<'CONNECTED'> {
  const { peerChain, verified, issuedAtMilliseconds, cipherSuite } = session
  const { sessions } = connection.setup
  const id = hello.sessionId.slice()
  if (sessions?.store !== undefined) connection.whenFailed(() => sessions.forgetFailed(id))
  const facts = agreedFacts({
    version: 'TLSv1.2',
    cipherSuite,
    innerProtocol,
    serverName: hello.extensions.server_name || undefined,
    peerCertificate: peerChain[0],
    peerChain,
    verified,
    resumed: true,
    sessionAgeMilliseconds: (sessions?.now() ?? 0) - issuedAtMilliseconds,
  })
  establish12(connection, secrets, facts, session.endPoint)
  return {
    name: 'CONNECTED',
    on: {
      client_hello: () => {
        throw fault('renegotiation')
      },
    },
  }
}
