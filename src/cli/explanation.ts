import {
  AlertReceivedError,
  CertificateError,
  type CertificateReason,
  ConfigurationError,
  HandshakeTimeoutError,
  NegotiationError,
  type NegotiationSubject,
  RaggedEOFError,
  TLSError,
  UsageError,
} from '../errors.ts'
import { legacyBackendName } from './backend-choice.ts'
import { ExitCode, UsageFailure } from './exit-code.ts'

/** An error in the form that the command line tells it: what happened, why, what to try. The JSON form of it is API. */
export interface Explanation {
  readonly code: string
  readonly message: string
  /** The alert that was sent or received, by its IANA name. */
  readonly alert: string | null
  /** Why a certificate was not accepted, or what could not be agreed. */
  readonly reason: string | null
  readonly hint: string | null
  readonly exitCode: ExitCode
}

/** What the command was about when it failed. */
export interface Scene {
  /** The peer, in words. */
  readonly peer?: string | undefined
  /** The highest version that the person allowed, where it is not the default. */
  readonly highestVersion?: string | undefined
  /** The backend that the person asked for. */
  readonly backend?: string | undefined
  readonly phase?: 'start' | 'connect' | 'handshake' | 'data' | undefined
  /** Whether the command can begin in plain text. Default: yes. */
  readonly hasStartTLS?: boolean
}

export function explain(error: unknown, scene: Scene = {}): Explanation {
  if (error instanceof UsageFailure) {
    return plain({ code: 'ERR_USAGE', message: error.message, hint: error.hint, exitCode: ExitCode.USAGE })
  }
  if (error instanceof TLSError) return explainTLS(error, scene)
  const system = systemErrorIn(error)
  if (system !== undefined) return explainSystem(system, scene)
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return plain({ code: 'ERR_INTERNAL', message, exitCode: ExitCode.INTERNAL })
}

interface Plain {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
  readonly exitCode: ExitCode
}

/** What has nothing to do with TLS. */
function plain({ code, message, hint, exitCode }: Plain): Explanation {
  return { code, message, alert: null, reason: null, hint: hint ?? null, exitCode }
}

function explainTLS(error: TLSError, scene: Scene): Explanation {
  return {
    code: error.code,
    message: error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message,
    alert: error.alert ?? null,
    reason: reasonOf(error),
    hint: hintFor(error, scene) ?? null,
    exitCode: exitCodeFor(error, scene),
  }
}

function reasonOf(error: TLSError): string | null {
  if (error instanceof CertificateError) return error.reason
  return error instanceof NegotiationError ? error.subject : null
}

function exitCodeFor(error: TLSError, { phase }: Scene): ExitCode {
  if (error instanceof CertificateError) return ExitCode.CERTIFICATE
  if (error instanceof ConfigurationError) return ExitCode.USAGE
  if (error instanceof UsageError) return ExitCode.INTERNAL
  // A peer that hangs up during the handshake refuses it; later, the connection was cut.
  if (error instanceof RaggedEOFError && phase === 'data') return ExitCode.NETWORK
  return ExitCode.HANDSHAKE
}

/** The library's hints name properties of its API; a person at the command line needs options. */
function hintFor(error: TLSError, scene: Scene): string | undefined {
  const { hasStartTLS = true } = scene
  if (error instanceof CertificateError) return certificateHints[error.reason] ?? error.hint
  // The library says itself what Windows' old structure cannot; that another backend can, is for the command line to say.
  if (error.hint?.includes('SCHANNEL_CRED')) {
    return scene.backend === legacyBackendName ? `${error.hint}: try --backend schannel` : error.hint
  }
  if (error instanceof NegotiationError) return negotiationHints[error.subject]
  if (error instanceof AlertReceivedError) {
    if (error.alert === 'protocol_version' && scene.highestVersion !== undefined) {
      return `the peer does not speak ${scene.highestVersion}, and --max allows nothing newer: try without --max`
    }
    return alertHints[error.alert ?? ''] ?? error.hint
  }
  if (error instanceof ConfigurationError) {
    const option = optionFor[error.field.replace(/[.[].*$/, '')]
    return error.hint ?? option
  }
  if (error instanceof HandshakeTimeoutError && error.during === 'handshake') {
    return `${error.hint}${hasStartTLS ? ': --starttls' : ''}; --timeout sets how long to wait`
  }
  if (error.code === 'ERR_TLS_NOT_TLS' && hasStartTLS) return `${error.hint}: --starttls`
  return error.hint
}

const certificateHints: { readonly [R in CertificateReason]?: string } = {
  'unknown-issuer':
    'if you trust the authority that issued it, give its certificate with --ca FILE; else the server may have forgotten to send its intermediate certificates',
  'self-signed':
    'if this is the very certificate that you expect (compare its sha256), save it with polytls connect --save FILE, and trust exactly it with --ca FILE',
  'self-signed-in-chain':
    'the chain ends at an authority that is not trusted here: if you trust it, give it with --ca FILE',
  'wrong-host': 'connect by a name that the certificate is for, or say with --sni NAME whom you expect',
}

const negotiationHints: { readonly [S in NegotiationSubject]: string } = {
  version: 'compare --min and --max with what the peer speaks',
  'cipher-suite': 'compare --ciphers with what the peer accepts and with the kind of key that the certificate has',
  group: 'compare --groups with what the peer accepts',
  'signature-scheme': 'the kind of key that one side has is none that the other accepts',
  'inner-protocol': 'compare --alpn with what the peer speaks',
  certificate: 'give a certificate that the peer accepts with --cert FILE --key FILE',
  'client-hello': 'the application refused what the client asked for, before any handshake',
}

const alertHints: { readonly [alert: string]: string } = {
  certificate_required: 'the peer lets only clients with a certificate in: give one with --cert FILE --key FILE',
  handshake_failure:
    'the peer found nothing acceptable in what was offered: compare --ciphers and --groups; some peers also say this to clients without a certificate (--cert)',
  no_application_protocol: 'the peer speaks none of the protocols given with --alpn',
  unrecognized_name: 'the peer serves no host of the name that was asked for: try another one with --sni NAME',
}

/** For each property of a configuration, the option that sets it. */
const optionFor: { readonly [field: string]: string } = {
  ciphers: "other --ciphers: 'polytls backends' lists those of this machine",
  groups: "other --groups: 'polytls backends' lists those of this machine",
  innerProtocols: 'another --alpn',
  lowestSupportedVersion: 'another --min or --max',
  highestSupportedVersion: 'another --min or --max',
  certificateChain: 'another --cert or --key; the environment variable POLYTLS_PASSPHRASE unlocks an encrypted key',
  trustStore: 'another file of certificates',
  serverName: 'another --sni',
}

interface SystemError extends Error {
  readonly code: string
}

/** Node gathers the failures of several addresses in an AggregateError: the last one is as good as any. */
function systemErrorIn(error: unknown): SystemError | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return systemErrorIn(error.errors.at(-1))
  const { code, syscall } = error as Partial<NodeJS.ErrnoException>
  const isSystem = error instanceof Error && typeof code === 'string' && (syscall !== undefined || code in systemErrors)
  return isSystem ? (error as SystemError) : undefined
}

function explainSystem(error: SystemError, { peer = 'the peer', phase }: Scene): Explanation {
  const known = systemErrors[error.code]
  const cut = error.code === 'ECONNRESET' || error.code === 'EPIPE'
  return plain({
    code: error.code,
    message: known?.message(peer) ?? error.message,
    hint: cut && phase === 'handshake' ? cutDuringHandshake : known?.hint,
    // Whether a peer that refuses a handshake hangs up politely or resets is an accident of timing.
    exitCode: cut && phase === 'handshake' ? ExitCode.HANDSHAKE : ExitCode.NETWORK,
  })
}

const cutDuringHandshake =
  'it may not speak TLS on this port, or refuse this version or name; something between may also have cut the connection'

const systemErrors: { readonly [code: string]: { message(peer: string): string; readonly hint?: string } } = {
  ENOTFOUND: {
    message: (peer) => `the name of ${peer} is not known`,
    hint: 'check the spelling, and that this machine can look up names',
  },
  EAI_AGAIN: {
    message: (peer) => `the name of ${peer} could not be looked up now`,
    hint: 'check that this machine is online and its name servers answer',
  },
  ECONNREFUSED: {
    message: (peer) => `nothing listens at ${peer}`,
    hint: 'check the host and the port, and that the server runs',
  },
  ETIMEDOUT: {
    message: (peer) => `${peer} did not answer in time`,
    hint: 'a firewall may drop the packets, or the host is down; --timeout sets how long to wait',
  },
  EHOSTUNREACH: { message: (peer) => `no way leads to ${peer}`, hint: 'check the network and the address' },
  ENETUNREACH: { message: (peer) => `no way leads to ${peer}`, hint: 'this machine may have no IPv6, or be offline' },
  ECONNRESET: { message: (peer) => `${peer} cut the connection` },
  EPIPE: { message: (peer) => `${peer} closed the connection while data was being sent` },
  EADDRINUSE: {
    message: () => 'another program listens at this address already',
    hint: 'choose another --port; 0 takes any that is free',
  },
  EADDRNOTAVAIL: { message: () => 'this machine does not have that address', hint: 'choose another --host' },
  EACCES: {
    message: () => 'this user may not listen there',
    hint: 'ports below 1024 are reserved: choose a higher --port',
  },
}
