import { agreedFacts, noFacts } from '../../channel/facts.ts'
import { concatBytes } from '../../crypto/bytes.ts'
import type { KeyShare } from '../../crypto/provider.ts'
import { CertificateError } from '../../errors.ts'
import { chooseProtocol, encodeProtocol } from './application-protocols.ts'
import type { ServerConnection } from './connection.ts'
import { sentinelOf12 } from './downgrade.ts'
import { fault } from './faults.ts'
import {
  deriveSecrets12,
  emptyRenegotiationInfoSuite,
  establish12,
  Flight12,
  type SameHandshake,
  type Secrets12,
  sendFinished12,
  tls12Version,
  uncompressedPoints,
  verifyFinished12,
} from './handshake12.ts'
import type { Randoms } from './key-schedule12.ts'
import type { Checked, HandshakeMessage, StateOf } from './machine.ts'
import { decodeCertificateVerify, encodeCertificateStatus } from './messages/authentication.ts'
import { decodeCertificate12, encodeCertificate12 } from './messages/certificate.ts'
import { ClientCertificateType, encodeCertificateRequest12 } from './messages/certificate-request.ts'
import { type ClientHello, randomLength } from './messages/client-hello.ts'
import { encodeEmptyMessage } from './messages/empty-messages.ts'
import type { ExtensionsIn } from './messages/extension-forms.ts'
import { decodeClientKeyExchange, encodeServerKeyExchange, encodeServerParameters } from './messages/key-exchange.ts'
import { encodeNewSessionTicket12 } from './messages/post-handshake.ts'
import { encodeServerHello } from './messages/server-hello.ts'
import { type Choice12, choose12 } from './negotiation12.ts'
import type { AcceptedChain } from './peer-verification.ts'
import { maxContentLength } from './record/protection.ts'
import { type ProvenPeer, signOrPause12, verifySignature12 } from './signatures12.ts'
import { wantsStatus } from './status-request.ts'
import { Transcript } from './transcript.ts'

/**
 * TLS 1.2's server behind a ClientHello that resumes nothing: RFC 5246, Section 7.3, with ECDHE (RFC 8422). The only place where the
 * order of messages is decided.
 */
export const SERVER12 = {
  SIGNING: { signature: ['WAIT_CERT', 'WAIT_CKE'] }, // paused: a key that is elsewhere
  WAIT_CERT: { certificate: ['WAIT_CERTIFIED_CKE', 'WAIT_CKE'] },
  WAIT_CERTIFIED_CKE: { client_key_exchange: ['WAIT_CV'] },
  WAIT_CV: { certificate_verify: ['WAIT_CCS'] },
  WAIT_CKE: { client_key_exchange: ['WAIT_CCS'] }, // from a client that showed no certificate
  WAIT_CCS: { change_cipher_spec: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['VETTING', 'CONNECTED'] },
  VETTING: { accepted: ['CONNECTED'] }, // paused: the application's veto
  CONNECTED: { client_hello: [] }, // a renegotiation, which is refused
} as const
type In<S extends keyof typeof SERVER12> = StateOf<Checked<typeof SERVER12>, S>

/** Takes a full handshake over from the common hello: TLS 1.2 is the highest version that both sides speak. */
export function startServer12(
  connection: ServerConnection,
  hello: ClientHello,
  raw: Uint8Array,
): In<'SIGNING' | 'WAIT_CERT' | 'WAIT_CKE'> {
  const { setup, crypto } = connection
  const { settings } = setup
  const choice = choose12(connection, hello)
  const { extensions } = hello
  const innerProtocol = chooseProtocol(settings.innerProtocols, extensions.application_layer_protocol_negotiation)

  const transcript = new Transcript(crypto)
  transcript.start(choice.suite.hash)
  // A client's signature is over all messages, so that they are kept where there may be one.
  const flight = new Flight12(transcript, setup.verifier === undefined ? undefined : [])
  flight.add(raw)
  const random = serverRandom12(connection)
  const agreed: Agreed = {
    connection,
    choice,
    flight,
    randoms: { client: hello.random.slice(), server: random },
    share: crypto.generateKeyShare(choice.group),
    innerProtocol,
    serverName: extensions.server_name || undefined,
    ...offerOfSession(connection, hello),
    recordSizeLimit: extensions.record_size_limit,
  }
  const { credential } = choice
  const status = wantsStatus(extensions.status_request) ? credential.ocspResponse?.() : undefined
  sendServerHello(agreed, hello, status !== undefined)
  send(agreed, encodeCertificate12({ chain: credential.chain }))
  if (status !== undefined) send(agreed, encodeCertificateStatus({ response: status }))
  const parameters = encodeServerParameters(choice.group, agreed.share.publicKey)
  const message = concatBytes([agreed.randoms.client, random, parameters])
  const signature = signOrPause12(connection, credential, choice.scheme, message)
  return signature === undefined ? signing(agreed, parameters) : finishHello(agreed, parameters, signature)
}

/** What the hellos agreed on. */
interface Agreed {
  readonly connection: ServerConnection
  readonly choice: Choice12
  readonly flight: Flight12
  readonly randoms: Randoms
  readonly share: KeyShare
  readonly innerProtocol: string | undefined
  readonly serverName: string | undefined
  /** Whether the client is to get a ticket: RFC 5077, Section 3.3. */
  readonly givesTicket: boolean
  /** Our name for the session; empty where none is kept. */
  readonly sessionId: Uint8Array
  readonly recordSizeLimit: number | undefined
}

interface Keyed extends Agreed {
  readonly secrets: Secrets12
}

function signing(agreed: Agreed, parameters: Uint8Array): In<'SIGNING'> {
  return { name: 'SIGNING', on: { signature: (signature) => finishHello(agreed, parameters, signature) } }
}

function waitCertificate(agreed: Agreed): In<'WAIT_CERT'> {
  return {
    name: 'WAIT_CERT',
    on: {
      certificate: (input) => {
        const { chain } = decodeCertificate12(input.body)
        const { connection, flight } = agreed
        const { verifier, configuration } = connection.setup
        flight.add(input.raw)
        if (chain.length === 0 || verifier === undefined) {
          if (configuration.clientAuthentication === 'required') throw missingCertificate()
          flight.forgetMessages()
          return waitClientKeyExchange(agreed)
        }
        return waitCertifiedKeyExchange(agreed, verifier.accept(verifier.vouch(chain, undefined)))
      },
    },
  }
}

function waitCertifiedKeyExchange(agreed: Agreed, chain: AcceptedChain): In<'WAIT_CERTIFIED_CKE'> {
  return {
    name: 'WAIT_CERTIFIED_CKE',
    on: { client_key_exchange: (input) => waitCertificateVerify(exchangeKeys(agreed, input), chain) },
  }
}

function waitCertificateVerify(keyed: Keyed, chain: AcceptedChain): In<'WAIT_CV'> {
  return {
    name: 'WAIT_CV',
    on: {
      certificate_verify: (input) => {
        const { algorithm, signature } = decodeCertificateVerify(input.body)
        const { crypto, setup } = keyed.connection
        const message = keyed.flight.takeMessages()
        const client = verifySignature12(crypto, setup.settings, chain, { algorithm, message, signature })
        keyed.flight.add(input.raw)
        return waitChangeCipherSpec(keyed, client)
      },
    },
  }
}

function waitClientKeyExchange(agreed: Agreed): In<'WAIT_CKE'> {
  return {
    name: 'WAIT_CKE',
    on: { client_key_exchange: (input) => waitChangeCipherSpec(exchangeKeys(agreed, input), anonymous) },
  }
}

function waitChangeCipherSpec(keyed: Keyed, client: Client): In<'WAIT_CCS'> {
  return {
    name: 'WAIT_CCS',
    on: {
      change_cipher_spec: () => {
        keyed.connection.protectIncoming(keyed.secrets.keys.opener('client'))
        return waitFinished(keyed, client)
      },
    },
  }
}

function waitFinished(keyed: Keyed, client: Client): In<'WAIT_FINISHED'> {
  return {
    name: 'WAIT_FINISHED',
    on: {
      finished: (input) => {
        const { connection } = keyed
        const same = verifyFinished12(connection, 'client', keyed.flight, keyed.secrets, input)
        if (connection.setup.configuration.verifyPeer === undefined) return connected(keyed, client, same)
        connection.pause({
          kind: 'verify-peer',
          peer: Object.freeze({ chain: chainOf(client), serverName: undefined }),
        })
        return vetting(keyed, client, same)
      },
    },
  }
}

/** Before our own Finished, so that a client that is refused learns so during its handshake. */
function vetting(keyed: Keyed, client: Client, same: SameHandshake): In<'VETTING'> {
  return { name: 'VETTING', on: { accepted: () => connected(keyed, client, same) } }
}

function connected(keyed: Keyed, client: Client, _same: SameHandshake): In<'CONNECTED'> {
  const { connection, choice, recordSizeLimit } = keyed
  const chain = chainOf(client)
  const verified = client !== anonymous && client.chain.verified
  if (recordSizeLimit !== undefined) connection.limitOutgoingContent(recordSizeLimit)
  giveSession(keyed, chain, verified)
  sendFinished12(connection, 'server', keyed.flight, keyed.secrets)
  const facts = agreedFacts({
    version: 'TLSv1.2',
    cipherSuite: choice.suite.code,
    group: choice.group,
    signatureScheme: client === anonymous ? choice.scheme : client.scheme,
    innerProtocol: keyed.innerProtocol,
    serverName: keyed.serverName,
    peerCertificate: chain[0],
    peerChain: Object.freeze(chain),
    verified,
  })
  establish12(connection, keyed.secrets, facts, choice.credential.endPoint)
  return {
    name: 'CONNECTED',
    on: {
      client_hello: () => {
        throw fault('renegotiation')
      },
    },
  }
}

// ── what the states do ──

/** Who the client is: proven, or nobody in particular. */
type Client = ProvenPeer | typeof anonymous
const anonymous = 'anonymous'

function chainOf(client: Client): readonly Uint8Array[] {
  return client === anonymous ? noFacts.peerChain : client.chain.chain
}

/** How the client can resume later: by a ticket, or by a number in our store. */
function offerOfSession(
  { setup: { sessions } }: ServerConnection,
  { extensions }: ClientHello,
): Pick<Agreed, 'givesTicket' | 'sessionId'> {
  if (sessions === undefined) return { givesTicket: false, sessionId: nothing }
  return sessions.store === undefined
    ? { givesTicket: extensions.session_ticket !== undefined, sessionId: nothing }
    : { givesTicket: false, sessionId: sessions.newId() }
}

function giveSession(keyed: Keyed, peerChain: readonly Uint8Array[], verified: boolean): void {
  const { connection, choice, secrets, serverName, innerProtocol, givesTicket, sessionId } = keyed
  const { sessions } = connection.setup
  if (sessions === undefined || !(givesTicket || sessionId.length > 0)) return
  const session = {
    version: 'TLSv1.2',
    cipherSuite: choice.suite.code,
    secret: secrets.master.reveal(),
    ageAdd: 0,
    serverName: serverName?.toLowerCase(),
    innerProtocol,
    maxEarlyDataBytes: 0,
    verified,
    endPoint: choice.credential.endPoint,
    peerChain,
    ...sessions.authenticate(peerChain),
    ...sessions.stamp(),
  } as const
  if (!givesTicket) {
    sessions.keep(sessionId, session)
    connection.whenFailed(() => sessions.forgetFailed(sessionId))
  }
  // One was announced; an empty one says that there is none after all: RFC 5077, Section 3.3.
  else {
    const ticket = sessions.issue(session) ?? nothing
    send(keyed, encodeNewSessionTicket12({ lifetimeHintSeconds: sessions.lifetimeSeconds, ticket }))
  }
}

/** A random that says, where we speak TLS 1.3, that we do: RFC 9846, Section 4.1.3. */
export function serverRandom12({ crypto, setup }: ServerConnection): Uint8Array {
  const random = crypto.random(randomLength)
  if (setup.settings.versions.includes('TLSv1.3')) random.set(sentinelOf12, randomLength - sentinelOf12.length)
  return random
}

/** What TLS 1.2 demands of a ClientHello beyond its form. */
export function checkClientHello12({ extensions }: ClientHello): void {
  if (extensions.extended_master_secret === undefined) throw fault('no-extended-master-secret')
  if (extensions.renegotiation_info !== undefined && extensions.renegotiation_info.length > 0) {
    throw fault('renegotiation-mismatch')
  }
  if (extensions.ec_point_formats?.includes(uncompressedPoints) === false)
    throw fault('illegal-parameter', 'point formats')
}

function sendServerHello(agreed: Agreed, hello: ClientHello, staplesStatus: boolean): void {
  const { choice, randoms, innerProtocol } = agreed
  const { timestamps } = choice.credential
  const sendsTimestamps = hello.extensions.signed_certificate_timestamp !== undefined && timestamps.length > 0
  send(
    agreed,
    encodeServerHello({
      kind: 'server_hello12',
      legacyVersion: tls12Version,
      random: randoms.server,
      // Never an echo of the client's: that would say that a session is resumed.
      sessionId: agreed.sessionId,
      cipherSuite: choice.suite.code,
      extensions: {
        ...helloExtensions12(hello, innerProtocol),
        server_name: hello.extensions.server_name === undefined ? undefined : true,
        status_request: staplesStatus ? true : undefined,
        signed_certificate_timestamp: sendsTimestamps ? timestamps : undefined,
        session_ticket: agreed.givesTicket ? true : undefined,
      },
    }),
  )
}

/** What every ServerHello of TLS 1.2 answers. */
export function helloExtensions12(
  { cipherSuites, extensions }: ClientHello,
  innerProtocol: string | undefined,
): ExtensionsIn<'server_hello12'> {
  const signalsRenegotiation =
    extensions.renegotiation_info !== undefined || cipherSuites.includes(emptyRenegotiationInfoSuite)
  return {
    renegotiation_info: signalsRenegotiation ? nothing : undefined,
    ec_point_formats: extensions.ec_point_formats === undefined ? undefined : Uint8Array.of(uncompressedPoints),
    application_layer_protocol_negotiation: innerProtocol === undefined ? undefined : encodeProtocol(innerProtocol),
    extended_master_secret: true,
    record_size_limit: extensions.record_size_limit === undefined ? undefined : maxContentLength,
  }
}

/** From ServerKeyExchange to ServerHelloDone. */
function finishHello(agreed: Agreed, parameters: Uint8Array, signature: Uint8Array): In<'WAIT_CERT' | 'WAIT_CKE'> {
  const { setup } = agreed.connection
  send(agreed, encodeServerKeyExchange({ parameters, algorithm: agreed.choice.scheme, signature }))
  if (setup.verifier !== undefined) {
    send(
      agreed,
      encodeCertificateRequest12({
        certificateTypes: Uint8Array.of(ClientCertificateType.ecdsa_sign, ClientCertificateType.rsa_sign),
        signatureAlgorithms: setup.settings.signatureSchemes,
        authorities: setup.authorities,
      }),
    )
  }
  send(agreed, encodeEmptyMessage('server_hello_done'))
  return setup.verifier === undefined ? waitClientKeyExchange(agreed) : waitCertificate(agreed)
}

function send({ connection, flight }: Agreed, message: Uint8Array): void {
  flight.add(message)
  connection.send(message)
}

function exchangeKeys(agreed: Agreed, input: HandshakeMessage): Keyed {
  const { connection, choice, flight, randoms, share } = agreed
  const premaster = share.agree(decodeClientKeyExchange(input.body).publicKey)
  if (premaster === undefined) throw fault('bad-key-share')
  flight.add(input.raw)
  return { ...agreed, secrets: deriveSecrets12(connection, choice.suite, randoms, flight, premaster) }
}

/** RFC 5246, Section 7.4.6: there is no alert of its own for this yet. */
function missingCertificate(): CertificateError {
  return new CertificateError('missing', 'the client sent no certificate, and one is required', {
    alert: 'handshake_failure',
  })
}

const nothing = new Uint8Array(0)
