import { agreedFacts } from '../../channel/facts.ts'
import { nameText } from '../../channel/server-name.ts'
import type { Agreed12 } from './agreement12.ts'
import { endPointOfChain } from './end-point.ts'
import { fault } from './faults.ts'
import { establish12, type SameHandshake, type Secrets12, sendFinished12, verifyFinished12 } from './handshake12.ts'
import { inUse12, passOver } from './hello-request12.ts'
import { MasterSecret } from './key-schedule12.ts'
import type { Checked, StateOf } from './machine.ts'
import { decodeNewSessionTicket12, type NewSessionTicket12 } from './messages/post-handshake.ts'
import type { OfferedSession12 } from './sent-hello.ts'
import { keepSession12 } from './session12.ts'

/** TLS 1.2's client behind a ServerHello that resumes a session: RFC 5246, Section 7.3, Figure 2; RFC 5077, Section 3.1. */
export const RESUMED_CLIENT12 = {
  WAIT_TICKET: { new_session_ticket: ['WAIT_CCS'], hello_request: ['WAIT_TICKET'] },
  WAIT_CCS: { change_cipher_spec: ['WAIT_FINISHED'], hello_request: ['WAIT_CCS'] },
  WAIT_FINISHED: { finished: ['VETTING', 'CONNECTED'], hello_request: ['WAIT_FINISHED'] },
  VETTING: { accepted: ['CONNECTED'] }, // paused: the application's veto
  CONNECTED: { hello_request: ['CONNECTED'] },
} as const
type In<S extends keyof typeof RESUMED_CLIENT12> = StateOf<Checked<typeof RESUMED_CLIENT12>, S>

interface Resumed extends Agreed12 {
  readonly secrets: Secrets12
  readonly session: OfferedSession12
  readonly ticket?: NewSessionTicket12
}

/** Takes the handshake over from the common hello: the server resumes the session that was offered. */
export function startResumedClient12(agreed: Agreed12, session: OfferedSession12): In<'WAIT_TICKET'> | In<'WAIT_CCS'> {
  const { connection, suite, randoms, recordSizeLimit } = agreed
  // RFC 5246, Section 7.4.1.3: the suite of the session and no other.
  if (suite.code !== session.offered.session.cipherSuite) throw fault('wrong-cipher-suite-choice', "not the session's")
  const master = MasterSecret.resumed(connection.crypto, suite, randoms, session.state.masterSecret)
  connection.logSecret('CLIENT_RANDOM', randoms.client, master.reveal())
  if (recordSizeLimit !== undefined) connection.limitOutgoingContent(recordSizeLimit)
  const keys = master.keys()
  connection.guard(master, keys)
  const resumed = { ...agreed, session, secrets: { master, keys } }
  agreed.flight.forgetMessages()
  return agreed.expectsTicket ? waitTicket(resumed) : waitChangeCipherSpec(resumed)
}

function waitTicket(resumed: Resumed): In<'WAIT_TICKET'> {
  const self: In<'WAIT_TICKET'> = {
    name: 'WAIT_TICKET',
    on: {
      hello_request: (input) => passOver(input, self),
      new_session_ticket: (input) => {
        const ticket = decodeNewSessionTicket12(input.body)
        resumed.flight.add(input.raw)
        return waitChangeCipherSpec({ ...resumed, ticket: { ...ticket, ticket: ticket.ticket.slice() } })
      },
    },
  }
  return self
}

function waitChangeCipherSpec(resumed: Resumed): In<'WAIT_CCS'> {
  const self: In<'WAIT_CCS'> = {
    name: 'WAIT_CCS',
    on: {
      hello_request: (input) => passOver(input, self),
      change_cipher_spec: () => {
        resumed.connection.protectIncoming(resumed.secrets.keys.opener('server'))
        return waitFinished(resumed)
      },
    },
  }
  return self
}

function waitFinished(resumed: Resumed): In<'WAIT_FINISHED'> {
  const { connection, flight, secrets, session } = resumed
  const self: In<'WAIT_FINISHED'> = {
    name: 'WAIT_FINISHED',
    on: {
      hello_request: (input) => passOver(input, self),
      finished: (input) => {
        const same = verifyFinished12(connection, 'server', flight, secrets, input)
        if (connection.setup.configuration.verifyPeer === undefined) return connected(resumed, same)
        const { peerChain: chain } = session.offered.session
        const peer = Object.freeze({ chain, serverName: nameText(connection.serverName), resumed: true })
        connection.pause({ kind: 'verify-peer', peer })
        return { name: 'VETTING', on: { accepted: () => connected(resumed, same) } }
      },
    },
  }
  return self
}

/** The server has the session's secret: it is who it was when the session began. */
function connected(resumed: Resumed, _same: SameHandshake): In<'CONNECTED'> {
  const { connection, flight, secrets, session, suite, innerProtocol, ticket } = resumed
  sendFinished12(connection, 'client', flight, secrets)
  const { offered } = session
  const { peerChain } = offered.session
  const facts = agreedFacts({
    version: 'TLSv1.2',
    cipherSuite: suite.code,
    innerProtocol,
    serverName: nameText(connection.serverName),
    peerCertificate: peerChain[0],
    peerChain,
    verified: offered.verified,
    resumed: true,
    sessionAgeMilliseconds: offered.ageMilliseconds,
  })
  establish12(connection, secrets, facts, endPointOfChain(peerChain))
  if (ticket !== undefined)
    keepSession12({ ...resumed, sessionId: noId }, { peerChain, verified: offered.verified }, offered.session)
  return inUse12(connection)
}

const noId: Uint8Array = new Uint8Array(0)
