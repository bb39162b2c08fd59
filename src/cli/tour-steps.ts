import { X509Certificate } from 'node:crypto'
import { cipherSuiteName } from '../config/cipher-suite.ts'
import type { ClientOptions } from '../config/client-configuration.ts'
import { namedGroupName } from '../config/named-group.ts'
import { signatureSchemeName } from '../config/signature-scheme.ts'
import { TLSVersion } from '../config/tls-version.ts'
import { connect } from '../connections.ts'
import { AlertReceivedError, CertificateError, NegotiationError } from '../errors.ts'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { daysUntil, describeCertificate } from './certificate-description.ts'
import type { Terminal } from './terminal.ts'
import { showChannel } from './tour-channel.ts'
import { showLateIdentity } from './tour-late-identity.ts'
import { showSessions } from './tour-sessions.ts'
import type { Stage } from './tour-stage.ts'
import { aligned, answerTo, check, failureOf, type Step } from './tour-step.ts'
import { showUpgrade } from './tour-upgrade.ts'

/** The tour, step by step. Each checks what it shows. */
export const steps: readonly Step[] = [
  { title: 'An authority and certificates, made just now', run: showCertificates },
  { title: 'A verified connection to a server that enforces TLS 1.3', run: showVerified },
  { title: 'A client held to TLS 1.2 is refused', run: showOldClient },
  { title: 'An untrusted and a wrongly named certificate are refused', run: showBadCertificates },
  { title: 'Mutual TLS, where the application has the last word', run: showMutual },
  { title: 'A client says who it is when the connection is in use already', run: showLateIdentity },
  { title: 'A session goes on, and early data counts once', run: showSessions },
  { title: 'Plain text becomes TLS, and plain text again', run: showUpgrade },
  { title: 'The channel by hand: in memory, without any socket', run: showChannel },
]

async function showCertificates(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const lines = stage.made.map((pem) => describeCertificate(new X509Certificate(pem).raw))
  const [authority, ...leaves] = lines
  check(authority !== undefined && authority.subject === authority.issuer, 'the authority vouches for itself')
  check(
    leaves.every(({ issuer }) => issuer === authority.subject),
    'the authority vouches for all others',
  )
  return aligned(
    [
      ['authority', `${authority.subject}, trusted by every client here but one`],
      ['issued', `${leaves.map(({ subject }) => subject).join(', ')}`],
    ],
    terminal,
  )
}

async function showVerified(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const { port } = await stage.serve({ innerProtocols: ['echo/1'] }, echo)
  const socket = await connectTo(stage, port, { innerProtocols: ['echo/1'] })
  const { facts, times } = socket
  const greeting = 'Good morning'
  const answer = await answerTo(socket, greeting)
  await socket[Symbol.asyncDispose]()
  check(facts.version === 'TLSv1.3', `the version is TLSv1.3, not ${facts.version}`)
  check(facts.verified, 'the server was verified')
  check(facts.innerProtocol === 'echo/1', `the protocol inside is echo/1, not ${facts.innerProtocol}`)
  check(answer === greeting, `the echo of "${greeting}" is the same, not "${answer}"`)
  check(facts.cipherSuite !== undefined && facts.group !== undefined, 'suite and group are known')
  check(facts.peerCertificate !== undefined, 'the certificate is known')
  // Schannel does not tell by which scheme the server signed.
  const proof = facts.signatureScheme === undefined ? 'its signature' : signatureSchemeName(facts.signatureScheme)
  const { issuer, notAfter } = describeCertificate(facts.peerCertificate)
  return aligned(
    [
      [
        'agreed',
        [facts.version, cipherSuiteName(facts.cipherSuite), namedGroupName(facts.group)].join(
          ` ${terminal.symbols.dot} `,
        ),
      ],
      ['server', `localhost, proved by ${proof}`],
      ['vouched for', `by ${issuer}, ${daysUntil(notAfter)} days left`],
      ['inside', `${facts.innerProtocol} by ALPN; said "${greeting}", heard "${answer}"`],
      ['took', `connect ${tenths(times?.connect)} ms, handshake ${tenths(times?.handshake)} ms`],
    ],
    terminal,
  )
}

async function showOldClient(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const server = await stage.serve({}, echo)
  const onServer = server.nextFailure()
  const onClient = await failureOf(
    connectTo(stage, server.port, { highestSupportedVersion: TLSVersion.TLSv1_2 }),
    'a client of TLS 1.2 is refused',
  )
  check(onClient instanceof AlertReceivedError, `the client learns of an alert, not ${onClient}`)
  check(onClient.alert === 'protocol_version', `the alert is protocol_version, not ${onClient.alert}`)
  const serverError = await onServer
  check(serverError instanceof NegotiationError, `the server has a NegotiationError, not ${serverError}`)
  check(serverError.subject === 'version', `it is about the version, not ${serverError.subject}`)
  return aligned(
    [
      ['client', onClient.message],
      ['that means', onClient.hint ?? ''],
      ['server', serverError.message],
    ],
    terminal,
  )
}

async function showBadCertificates(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const server = await stage.serve({}, echo)
  const untrusted = await certificateError(connectTo(stage, server.port, { trustStore: stage.stranger }))
  check(
    untrusted.reason === 'unknown-issuer' || untrusted.reason === 'self-signed-in-chain',
    `the issuer is unknown, not ${untrusted.reason}`,
  )
  const other = await stage.serve({ certificateChain: [stage.elsewhere] }, echo)
  const misnamed = await certificateError(connectTo(stage, other.port, {}))
  check(misnamed.reason === 'wrong-host', `the host is wrong, not ${misnamed.reason}`)
  return aligned(
    [
      ['untrusted', `${untrusted.reason}: ${untrusted.message}`],
      ['misnamed', `${misnamed.reason}: ${misnamed.message}`],
    ],
    terminal,
  )
}

async function showMutual(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const server = await stage.serve(
    {
      trustStore: stage.trusted,
      clientAuthentication: 'required',
      verifyPeer: ({ chain: [client] }) =>
        client !== undefined && describeCertificate(client).subject === 'CN=alice'
          ? { accept: true }
          : { accept: false, reason: 'only alice may come in' },
    },
    (socket) => socket.end(`welcome, ${describeCertificate(socket.facts.peerChain[0] ?? new Uint8Array()).subject}`),
  )
  const alice = await connectTo(stage, server.port, { certificateChain: stage.alice })
  const welcome = await textOf(alice)
  check(welcome === 'welcome, CN=alice', `alice is welcome, not "${welcome}"`)

  const vetoed = server.nextFailure()
  await failureOf(speakTo(stage, server.port, { certificateChain: stage.mallory }), 'mallory is refused')
  const veto = await vetoed
  check(veto instanceof CertificateError && veto.reason === 'vetoed', `the application refuses mallory, not ${veto}`)

  const missing = server.nextFailure()
  const alert = await failureOf(speakTo(stage, server.port, {}), 'a client without a certificate is refused')
  const nobody = await missing
  check(nobody instanceof CertificateError && nobody.reason === 'missing', `the certificate is missing, not ${nobody}`)
  check(alert instanceof AlertReceivedError, `the client learns of an alert, not ${alert}`)
  check(alert.alert === 'certificate_required', `the alert is certificate_required, not ${alert.alert}`)
  return aligned(
    [
      ['alice', `is accepted and hears "${welcome}"`],
      ['mallory', `${veto.reason}: ${veto.message}`],
      ['nobody', `${nobody.reason}: ${nobody.message} (alert ${alert.alert})`],
    ],
    terminal,
  )
}

function connectTo(stage: Stage, port: number, options: ClientOptions): Promise<TLSSocket> {
  const { backend, trusted } = stage
  return connect({ host: '127.0.0.1', serverName: 'localhost', port, backend, trustStore: trusted, ...options })
}

/** With TLS 1.3 a client learns only from what follows its handshake whether the server let it in. */
async function speakTo(stage: Stage, port: number, options: ClientOptions): Promise<void> {
  const text = await textOf(await connectTo(stage, port, options))
  // A server that refuses without an alert just closes.
  if (text === '') throw new Error('the server closed the connection')
}

async function textOf(socket: TLSSocket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

async function certificateError(work: Promise<unknown>): Promise<CertificateError> {
  const error = await failureOf(work, 'the certificate is refused')
  check(error instanceof CertificateError, `it is a CertificateError, not ${error}`)
  return error
}

function echo(socket: TLSSocket): void {
  // The client's side of each step tells what went wrong.
  socket.on('error', () => {})
  socket.pipe(socket)
}

function tenths(milliseconds = 0): string {
  return milliseconds.toFixed(1)
}
