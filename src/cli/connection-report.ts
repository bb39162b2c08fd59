import type { Backend } from '../channel/backend.ts'
import type { ConnectionFacts } from '../channel/facts.ts'
import { cipherSuiteName } from '../config/cipher-suite.ts'
import { namedGroupName } from '../config/named-group.ts'
import { signatureSchemeName } from '../config/signature-scheme.ts'
import { type CertificateDescription, daysUntil, describeCertificate } from './certificate-description.ts'
import type { StartTLSReport } from './plain-phase.ts'
import { printable, type Terminal } from './terminal.ts'

/** What `polytls connect` found. This is the object of `--json`, and its properties are API. */
export interface ConnectionReport {
  readonly backend: string
  readonly version: string | null
  readonly cipherSuite: string | null
  readonly group: string | null
  readonly signatureScheme: string | null
  readonly alpn: string | null
  readonly serverName: string | null
  readonly resumed: boolean
  /** What became of early data: `accepted`, `rejected` or `not-sent`; null where there was none. */
  readonly earlyData: string | null
  /** The name of the external key that was used, as text. */
  readonly preSharedKey: string | null
  /** `good` where the server stapled the state of its certificate, with `--ocsp`; null where it did not. */
  readonly ocsp: 'good' | null
  readonly verified: boolean
  readonly chain: readonly CertificateDescription[]
  /** What came before TLS, with `--starttls`. */
  readonly starttls: StartTLSReport | null
  /** `connect` includes the look-up of the name, and what a proxy needs. */
  readonly milliseconds: { readonly connect: number; readonly handshake: number }
}

export function reportOf(
  backend: Backend,
  facts: ConnectionFacts,
  milliseconds: ConnectionReport['milliseconds'],
  starttls: StartTLSReport | null = null,
): ConnectionReport {
  const { version, cipherSuite, group, signatureScheme, innerProtocol, serverName, resumed, verified, peerChain } =
    facts
  return {
    backend: backend.name,
    version: version ?? null,
    cipherSuite: cipherSuite === undefined ? null : cipherSuiteName(cipherSuite),
    group: group === undefined ? null : namedGroupName(group),
    signatureScheme: signatureScheme === undefined ? null : signatureSchemeName(signatureScheme),
    alpn: innerProtocol ?? null,
    serverName: serverName ?? null,
    resumed,
    earlyData: facts.earlyData ?? null,
    preSharedKey: facts.preSharedKeyIdentity === undefined ? null : Buffer.from(facts.preSharedKeyIdentity).toString(),
    // Any other state has ended the handshake.
    ocsp: facts.ocspResponse === undefined ? null : 'good',
    verified,
    chain: peerChain.map(describeCertificate),
    starttls: starttls && { ...starttls, milliseconds: tenths(starttls.milliseconds) },
    milliseconds: { connect: tenths(milliseconds.connect), handshake: tenths(milliseconds.handshake) },
  }
}

/** What only people want to know. */
export interface ConnectionSurroundings {
  /** The address that was connected to, with its port. */
  readonly address: string
  readonly backendVersion: string
  readonly lookupMilliseconds: number | undefined
}

/** The report for people, at most 80 columns wide but for names that are longer. */
export function renderReport(
  report: ConnectionReport,
  surroundings: ConnectionSurroundings,
  { style, symbols }: Terminal,
): readonly string[] {
  const { milliseconds, chain, starttls } = report
  const lookup =
    surroundings.lookupMilliseconds === undefined ? '' : ` (name look-up ${tenths(surroundings.lookupMilliseconds)} ms)`
  const verdict = report.verified ? style.green(`${symbols.yes} verified`) : style.red(`${symbols.no} not verified`)
  const row = (label: string, value: string): string => `  ${style.dim(label.padEnd(14))}${value}`
  return [
    `${verdict}  ${style.bold(printable(report.serverName ?? surroundings.address))} at ${surroundings.address}`,
    '',
    row('version', report.version ?? unknown),
    row('cipher suite', report.cipherSuite ?? unknown),
    row('key exchange', report.group ?? unknown),
    row('signature', report.signatureScheme ?? unknown),
    row('protocol', report.alpn === null ? 'none agreed (ALPN)' : printable(report.alpn)),
    row('session', report.resumed ? 'resumed' : 'new'),
    ...(report.earlyData === null ? [] : [row('early data', report.earlyData)]),
    ...(report.preSharedKey === null ? [] : [row('by the key', printable(report.preSharedKey))]),
    ...(report.ocsp === null ? [] : [row('stapled', `OCSP: ${report.ocsp}`)]),
    ...(starttls === null ? [] : [row('began in', `plain text: ${starttls.protocol}, ${starttls.milliseconds} ms`)]),
    row('time', `connect ${milliseconds.connect} ms${lookup}, handshake ${milliseconds.handshake} ms`),
    row('backend', `${report.backend} (${surroundings.backendVersion})`),
    '',
    ...renderChain(chain, { style, symbols }),
  ]
}

/** What a peer sent, its own certificate first. */
export function renderChain(
  chain: readonly CertificateDescription[],
  { style }: Pick<Terminal, 'style' | 'symbols'>,
): readonly string[] {
  if (chain.length === 0) return ['  no certificate was sent']
  return chain.flatMap((certificate, index) => {
    const row = (label: string, value: string): string => `     ${style.dim(label.padEnd(9))}${value}`
    return [
      `  ${style.dim(`${index}`)}  ${style.bold(printable(certificate.subject) || '(no subject)')}`,
      ...(certificate.subjectAltNames.length === 0
        ? []
        : namesIn(certificate.subjectAltNames).map((line, at) => row(at === 0 ? 'for' : '', line))),
      row('issuer', printable(certificate.issuer)),
      row(
        'valid',
        `${day(certificate.notBefore)} to ${day(certificate.notAfter)}, ${remaining(certificate.notAfter, style)}`,
      ),
      row('sha256', certificate.sha256),
    ]
  })
}

const unknown = 'not known'

/** As many names to a line as fit; large sites have hundreds, of which the first ones tell enough. */
function namesIn(names: readonly string[]): readonly string[] {
  const lines: string[] = []
  for (const name of names.slice(0, shownNames).map(printable)) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + name.length + 2 <= 64) lines[lines.length - 1] = `${last}, ${name}`
    else lines.push(name)
  }
  if (names.length > shownNames) lines.push(`and ${names.length - shownNames} more (--json has all)`)
  return lines
}
const shownNames = 12

function remaining(notAfter: string, style: Terminal['style']): string {
  const days = daysUntil(notAfter)
  if (days < 0) return style.red(`expired ${-days} ${-days === 1 ? 'day' : 'days'} ago`)
  const text = `${days} ${days === 1 ? 'day' : 'days'} left`
  return days < 15 ? style.yellow(text) : text
}

function day(iso: string): string {
  return iso.slice(0, 10)
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
