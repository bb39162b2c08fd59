import { agreedFacts } from '../../channel/facts.ts'
import { nameText } from '../../channel/server-name.ts'
import { namedGroupName } from '../../config/named-group.ts'
import type { CodePoint } from '../../config/registry.ts'
import { concatBytes } from '../../crypto/bytes.ts'
import type { Agreed12 as Agreed } from './agreement12.ts'
import type { ClientConnection } from './connection.ts'
import { endPointOfChain } from './end-point.ts'
import { fault } from './faults.ts'
import {
  deriveSecrets12,
  establish12,
  isGroupOf12,
  type SameHandshake,
  type Secrets12,
  sendFinished12,
  verifyFinished12,
} from './handshake12.ts'
import { inUse12, passOver } from './hello-request12.ts'
import type { Checked, HandshakeMessage, StateOf } from './machine.ts'
import { decodeCertificateStatus, encodeCertificateVerify } from './messages/authentication.ts'
import { decodeCertificate12, encodeCertificate12 } from './messages/certificate.ts'
import { type CertificateRequest12, decodeCertificateRequest12 } from './messages/certificate-request.ts'
import { decodeEmptyMessage } from './messages/empty-messages.ts'
import { decodeServerKeyExchange, encodeClientKeyExchange, type ServerKeyExchange } from './messages/key-exchange.ts'
import { decodeNewSessionTicket12, type NewSessionTicket12 } from './messages/post-handshake.ts'
import type { AcceptedChain, VouchedChain } from './peer-verification.ts'
import { keepSession12 } from './session12.ts'
import type { Credential } from './setup.ts'
import {
  checkKey12,
  chooseScheme12,
  type ProvenPeer,
  requestedSchemes12,
  signOrPause12,
  verifySignature12,
} from './signatures12.ts'

/**
 * TLS 1.2's client behind the ServerHello, where no session is resumed: RFC 5246, Section 7.3, with ECDHE (RFC 8422). The only place
 * where the order of messages is decided. The server may ask to renegotiate at any time (HelloRequest); that is passed over while the
 * handshake runs, and refused afterwards: Section 7.4.1.1.
 */
export const CLIENT12 = {
  WAIT_CERT: { certificate: ['WAIT_STATUS', 'WAIT_SKE'], hello_request: ['WAIT_CERT'] },
  WAIT_STATUS: {
    // RFC 6066, Section 8: the server may leave out what it has announced.
    certificate_status: ['WAIT_SKE'],
    server_key_exchange: ['VETTING', 'WAIT_CR_OR_DONE'],
    hello_request: ['WAIT_STATUS'],
  },
  WAIT_SKE: { server_key_exchange: ['VETTING', 'WAIT_CR_OR_DONE'], hello_request: ['WAIT_SKE'] },
  VETTING: { accepted: ['WAIT_CR_OR_DONE'] }, // paused: the application's veto
  WAIT_CR_OR_DONE: {
    certificate_request: ['WAIT_DONE'],
    server_hello_done: ['WAIT_TICKET', 'WAIT_CCS'],
    hello_request: ['WAIT_CR_OR_DONE'],
  },
  WAIT_DONE: {
    server_hello_done: ['CHOOSING', 'SIGNING', 'WAIT_TICKET', 'WAIT_CCS'],
    hello_request: ['WAIT_DONE'],
  },
  CHOOSING: { chosen: ['SIGNING', 'WAIT_TICKET', 'WAIT_CCS'] }, // paused: which certificate the application shows
  SIGNING: { signature: ['WAIT_TICKET', 'WAIT_CCS'] }, // paused: a key that is elsewhere
  WAIT_TICKET: { new_session_ticket: ['WAIT_CCS'], hello_request: ['WAIT_TICKET'] }, // RFC 5077, Section 3.3
  WAIT_CCS: { change_cipher_spec: ['WAIT_FINISHED'], hello_request: ['WAIT_CCS'] },
  WAIT_FINISHED: { finished: ['CONNECTED'], hello_request: ['WAIT_FINISHED'] },
  CONNECTED: { hello_request: ['CONNECTED'] },
} as const
type In<S extends keyof typeof CLIENT12> = StateOf<Checked<typeof CLIENT12>, S>

/** Takes a full handshake over from the common hello: the server chose TLS 1.2, and resumes nothing. */
export function startClient12(agreed: Agreed): In<'WAIT_CERT'> {
  return waitCertificate(agreed)
}

/** The server is known, and its share of the key exchange is its own. */
interface Authenticated extends Agreed {
  readonly server: ProvenPeer
  readonly exchange: ServerKeyExchange
}

interface Keyed extends Authenticated {
  readonly secrets: Secrets12
  /** What the server gave to resume by. */
  readonly ticket?: NewSessionTicket12
}

function waitCertificate(agreed: Agreed): In<'WAIT_CERT'> {
  const self: In<'WAIT_CERT'> = {
    name: 'WAIT_CERT',
    on: {
      hello_request: (input) => passOver(input, self),
      certificate: (input) => {
        const { chain } = decodeCertificate12(input.body)
        agreed.flight.add(input.raw)
        if (chain.length === 0) throw fault('empty-server-certificate')
        const { setup, serverName } = agreed.connection
        const vouched = setup.verifier.vouch(chain, serverName)
        checkKey12(vouched.publicKey.algorithm, setup.settings, agreed.suite)
        return agreed.expectsStatus
          ? waitStatus(agreed, vouched)
          : waitServerKeyExchange(agreed, accept(agreed, vouched, undefined))
      },
    },
  }
  return self
}

function waitStatus(agreed: Agreed, vouched: VouchedChain): In<'WAIT_STATUS'> {
  const self: In<'WAIT_STATUS'> = {
    name: 'WAIT_STATUS',
    on: {
      hello_request: (input) => passOver(input, self),
      certificate_status: (input) => {
        const { response } = decodeCertificateStatus(input.body)
        agreed.flight.add(input.raw)
        return waitServerKeyExchange(agreed, accept(agreed, vouched, response))
      },
      server_key_exchange: (input) => takeKeyExchange(agreed, accept(agreed, vouched, undefined), input),
    },
  }
  return self
}

function waitServerKeyExchange(agreed: Agreed, chain: AcceptedChain): In<'WAIT_SKE'> {
  const self: In<'WAIT_SKE'> = {
    name: 'WAIT_SKE',
    on: {
      hello_request: (input) => passOver(input, self),
      server_key_exchange: (input) => takeKeyExchange(agreed, chain, input),
    },
  }
  return self
}

function takeKeyExchange(
  agreed: Agreed,
  chain: AcceptedChain,
  input: HandshakeMessage,
): In<'VETTING'> | In<'WAIT_CR_OR_DONE'> {
  const exchange = decodeServerKeyExchange(input.body.slice())
  agreed.flight.add(input.raw)
  const { connection, randoms } = agreed
  const { settings } = connection.setup
  if (!settings.groups.includes(exchange.group) || !isGroupOf12(exchange.group)) {
    throw fault('wrong-group-choice', namedGroupName(exchange.group))
  }
  const server = verifySignature12(connection.crypto, settings, chain, {
    algorithm: exchange.algorithm,
    message: concatBytes([randoms.client, randoms.server, exchange.parameters]),
    signature: exchange.signature,
  })
  const authenticated = { ...agreed, server, exchange }
  if (connection.setup.configuration.verifyPeer === undefined) return waitRequestOrDone(authenticated)
  connection.pause({
    kind: 'verify-peer',
    peer: Object.freeze({ chain: chain.chain, serverName: nameText(connection.serverName) }),
  })
  return vetting(authenticated)
}

function accept(
  { connection, timestamps }: Agreed,
  vouched: VouchedChain,
  ocspResponse: Uint8Array | undefined,
): AcceptedChain {
  return connection.setup.verifier.accept(vouched, { ocspResponse, timestamps })
}

function vetting(authenticated: Authenticated): In<'VETTING'> {
  return { name: 'VETTING', on: { accepted: () => waitRequestOrDone(authenticated) } }
}

function waitRequestOrDone(authenticated: Authenticated): In<'WAIT_CR_OR_DONE'> {
  const self: In<'WAIT_CR_OR_DONE'> = {
    name: 'WAIT_CR_OR_DONE',
    on: {
      hello_request: (input) => passOver(input, self),
      certificate_request: (input) => {
        // A copy: the application may be asked, and keep it.
        const request = decodeCertificateRequest12(input.body.slice())
        authenticated.flight.add(input.raw)
        return waitDone(authenticated, request)
      },
      server_hello_done: (input) => {
        decodeEmptyMessage('server_hello_done', input.body)
        authenticated.flight.add(input.raw)
        authenticated.flight.forgetMessages()
        return finishFlight(exchangeKeys(authenticated))
      },
    },
  }
  return self
}

function waitDone(authenticated: Authenticated, request: CertificateRequest12): In<'WAIT_DONE'> {
  const self: In<'WAIT_DONE'> = {
    name: 'WAIT_DONE',
    on: {
      hello_request: (input) => passOver(input, self),
      server_hello_done: (input) => {
        decodeEmptyMessage('server_hello_done', input.body)
        const { connection, flight } = authenticated
        flight.add(input.raw)
        if (connection.setup.configuration.chooseCertificate === undefined)
          return show(authenticated, fitting(connection, request, connection.setup.credential))
        const { authorities } = request
        const signatureSchemes = requestedSchemes12(request)
        connection.pause({
          kind: 'choose-certificate',
          request: Object.freeze({ authorities, signatureSchemes, afterHandshake: false }),
        })
        return choosing(authenticated, request)
      },
    },
  }
  return self
}

function choosing(authenticated: Authenticated, request: CertificateRequest12): In<'CHOOSING'> {
  const { connection } = authenticated
  return {
    name: 'CHOOSING',
    on: {
      chosen: (chain) => show(authenticated, fitting(connection, request, chain && connection.setup.loadChosen(chain))),
    },
  }
}

function signing(keyed: Keyed, own: OwnCertificate): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => finishFlight(sendVerify(keyed, own, signature)) } }
}

function waitTicket(keyed: Keyed): In<'WAIT_TICKET'> {
  const self: In<'WAIT_TICKET'> = {
    name: 'WAIT_TICKET',
    on: {
      hello_request: (input) => passOver(input, self),
      new_session_ticket: (input) => {
        const ticket = decodeNewSessionTicket12(input.body)
        keyed.flight.add(input.raw)
        return waitChangeCipherSpec({ ...keyed, ticket: { ...ticket, ticket: ticket.ticket.slice() } })
      },
    },
  }
  return self
}

function waitChangeCipherSpec(keyed: Keyed): In<'WAIT_CCS'> {
  const self: In<'WAIT_CCS'> = {
    name: 'WAIT_CCS',
    on: {
      hello_request: (input) => passOver(input, self),
      change_cipher_spec: () => {
        keyed.connection.protectIncoming(keyed.secrets.keys.opener('server'))
        return waitFinished(keyed)
      },
    },
  }
  return self
}

function waitFinished(keyed: Keyed): In<'WAIT_FINISHED'> {
  const self: In<'WAIT_FINISHED'> = {
    name: 'WAIT_FINISHED',
    on: {
      hello_request: (input) => passOver(input, self),
      finished: (input) => {
        const same = verifyFinished12(keyed.connection, 'server', keyed.flight, keyed.secrets, input)
        return connected(keyed, keyed.server, same)
      },
    },
  }
  return self
}

/** Not reached without the proof of who the server is, nor without the proof that both saw the same handshake. */
function connected(keyed: Keyed, server: ProvenPeer, _same: SameHandshake): In<'CONNECTED'> {
  const { connection, suite, exchange, innerProtocol } = keyed
  const { chain, verified, ocspResponse, timestamps } = server.chain
  const facts = agreedFacts({
    version: 'TLSv1.2',
    cipherSuite: suite.code,
    group: exchange.group,
    signatureScheme: server.scheme,
    innerProtocol,
    serverName: nameText(connection.serverName),
    peerCertificate: chain[0],
    peerChain: Object.freeze(chain),
    verified,
    ocspResponse,
    signedCertificateTimestamps: timestamps,
  })
  establish12(connection, keyed.secrets, facts, endPointOfChain(chain))
  keepSession12(keyed, { peerChain: facts.peerChain, verified })
  return inUse12(connection)
}

// ── what the states do ──

interface OwnCertificate {
  readonly credential: Credential
  readonly scheme: CodePoint
}

/** What we show where the server asks; nothing where we have nothing that it could take. RFC 5246, Section 7.4.6. */
function fitting(
  { setup: { settings } }: ClientConnection,
  request: CertificateRequest12,
  credential: Credential | undefined,
): OwnCertificate | undefined {
  if (credential === undefined) return undefined
  const scheme = chooseScheme12(settings, credential, requestedSchemes12(request))
  return scheme === undefined ? undefined : { credential, scheme }
}

/** Certificate to Finished: RFC 5246, Sections 7.4.6 to 7.4.9. */
function show(
  authenticated: Authenticated,
  own: OwnCertificate | undefined,
): In<'SIGNING'> | In<'WAIT_TICKET' | 'WAIT_CCS'> {
  const { connection, flight } = authenticated
  const certificate = encodeCertificate12({ chain: own?.credential.chain ?? [] })
  flight.add(certificate)
  connection.send(certificate)
  const keyed = exchangeKeys(authenticated)
  if (own === undefined) {
    flight.forgetMessages()
    return finishFlight(keyed)
  }
  const signature = signOrPause12(connection, own.credential, own.scheme, flight.takeMessages())
  return signature === undefined ? signing(keyed, own) : finishFlight(sendVerify(keyed, own, signature))
}

function exchangeKeys(authenticated: Authenticated): Keyed {
  const { connection, suite, flight, randoms, exchange } = authenticated
  const share = connection.crypto.acceptKeyShare(exchange.group, exchange.publicKey)
  if (share === undefined) throw fault('bad-key-share')
  const message = encodeClientKeyExchange({ publicKey: share.publicKey })
  flight.add(message)
  connection.send(message)
  return { ...authenticated, secrets: deriveSecrets12(connection, suite, randoms, flight, share.sharedSecret) }
}

function sendVerify(keyed: Keyed, own: OwnCertificate, signature: Uint8Array): Keyed {
  const message = encodeCertificateVerify({ algorithm: own.scheme, signature })
  keyed.flight.add(message)
  keyed.connection.send(message)
  return keyed
}

function finishFlight(keyed: Keyed): In<'WAIT_TICKET' | 'WAIT_CCS'> {
  const { connection, recordSizeLimit } = keyed
  if (recordSizeLimit !== undefined) connection.limitOutgoingContent(recordSizeLimit)
  sendFinished12(connection, 'client', keyed.flight, keyed.secrets)
  return keyed.expectsTicket ? waitTicket(keyed) : waitChangeCipherSpec(keyed)
}
