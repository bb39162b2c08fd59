import type { PreSharedKeyOptions } from 'polytls'

/** What the runner asks of the shim for one connection: its flags, as far as they are understood. */
export interface Request {
  readonly port: number
  readonly shimId: bigint
  readonly host: '::1' | '127.0.0.1'
  readonly flags: ReadonlySet<string>
  readonly texts: ReadonlyMap<string, string>
  readonly numbers: ReadonlyMap<string, readonly number[]>
  readonly credentials: readonly CredentialRequest[]
  /** Whether an earlier connection of the test is to be resumed. */
  readonly resumes: boolean
  /** What holds from where the server has rejected the client's early data. */
  readonly retry: Request | undefined
}

/** A certificate to show. The one that is given without asking for a new credential has the index -1. */
export interface CredentialRequest {
  readonly index: number
  certificateFile: string | undefined
  keyFile: string | undefined
  readonly signingPreferences: number[]
  /** Whether it is shown only to who asks for one of its authorities. */
  mustMatchIssuer: boolean
  /** What goes beside the certificate: a state of it, and a SignedCertificateTimestampList (RFC 6962, Section 3.3). */
  ocspResponse: Uint8Array | undefined
  timestamps: Uint8Array | undefined
  /** Of a key that both sides have, instead of a certificate. */
  readonly preSharedKey: { -readonly [K in keyof PreSharedKeyOptions]?: PreSharedKeyOptions[K] }
}

/** What the runner asks for cannot be done here; it counts such a test as unimplemented. */
export class Unimplemented extends Error {
  override readonly name = 'Unimplemented'
}

/**
 * One request for each connection that the runner wants.
 * @throws Unimplemented where a flag is not known.
 */
export function parseFlags(given: readonly string[]): readonly Request[] {
  const initial = parseConnection(given, '-on-initial')
  const count = initial.numbers.get('-resume-count')?.[0] ?? 0
  if (count === 0) return [initial]
  const retry = { ...parseConnection(given, '-on-retry'), resumes: true }
  const resumed = { ...parseConnection(given, '-on-resume'), resumes: true, retry }
  return [initial, ...new Array<Request>(count).fill(resumed)]
}

/** @param own The prefix of what holds for this connection alone. */
function parseConnection(given: readonly string[], own: (typeof prefixes)[number]): Request {
  const others = [...prefixes.filter((each) => each !== own), '-on-handshaker']
  const flags = new Set<string>()
  const texts = new Map<string, string>()
  const numbers = new Map<string, number[]>()
  const credentials: CredentialRequest[] = []
  const credential = (): CredentialRequest => {
    if (credentials.length === 0) credentials.push(newCredential(-1))
    return credentials.at(-1) as CredentialRequest
  }
  let hasDefault = false

  for (let position = 0; position < given.length; position++) {
    // There is no second process that does the handshake.
    const full = (given[position] as string).replace(/^-on-shim/, '')
    const prefix = others.find((each) => full.startsWith(each))
    if (prefix !== undefined) {
      const name = prefixes.reduce((rest, each) => rest.replace(each, ''), full.slice(prefix.length))
      if (takesValue(name)) position++
      continue
    }
    const name = full.startsWith(own) ? full.slice(own.length) : full
    const value = (): string => {
      const text = given[++position]
      if (text === undefined) throw new Error(`the flag ${name} has no value`)
      return text
    }
    if (name === '-new-x509-credential' || name === '-new-psk-credential') {
      hasDefault ||= credentials.some(({ index }) => index === -1)
      credentials.push(newCredential(credentials.length - (hasDefault ? 1 : 0)))
    } else if (name in keyFields)
      credential().preSharedKey[keyFields[name as keyof typeof keyFields]] = bytesOf(value())
    else if (name in keyHashes) credential().preSharedKey.hash = keyHashes[name as keyof typeof keyHashes]
    else if (name === '-cert-file') credential().certificateFile = value()
    else if (name === '-key-file') credential().keyFile = value()
    else if (name === '-must-match-issuer') credential().mustMatchIssuer = true
    else if (name === '-ocsp-response') credential().ocspResponse = bytesOf(value())
    else if (name === '-signed-cert-timestamps') credential().timestamps = bytesOf(value())
    else if (name === '-signing-prefs') credential().signingPreferences.push(Number(value()))
    else if (plainFlags.has(name)) flags.add(name)
    else if (textFlags.has(name)) texts.set(name, value())
    else if (numberFlags.has(name)) numbers.set(name, [...(numbers.get(name) ?? []), Number(value())])
    else throw new Unimplemented(`the flag ${name}`)
  }

  return {
    port: numbers.get('-port')?.[0] ?? 0,
    shimId: BigInt(texts.get('-shim-id') ?? 0),
    host: flags.has('-ipv6') ? '::1' : '127.0.0.1',
    flags,
    texts,
    numbers,
    credentials,
    resumes: false,
    retry: undefined,
  }
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'))
}

/** @throws Unimplemented where the flag is not known. */
function takesValue(name: string): boolean {
  const ofCredentials = [...credentialFields, ...Object.keys(keyFields)]
  if (ofCredentials.includes(name) || textFlags.has(name) || numberFlags.has(name)) return true
  if (plainFlags.has(name) || name === '-must-match-issuer') return false
  throw new Unimplemented(`the flag ${name}`)
}

function newCredential(index: number): CredentialRequest {
  const nothing = { certificateFile: undefined, keyFile: undefined, ocspResponse: undefined, timestamps: undefined }
  return { index, ...nothing, mustMatchIssuer: false, signingPreferences: [], preSharedKey: {} }
}

/** What holds for the first connection, for those that resume, and behind early data that was rejected. */
const prefixes = ['-on-initial', '-on-resume', '-on-retry'] as const

const credentialFields = ['-cert-file', '-key-file', '-signing-prefs', '-ocsp-response', '-signed-cert-timestamps']
const keyFields = {
  '-psk-importer-key': 'secret',
  '-psk-importer-identity': 'identity',
  '-psk-importer-context': 'importContext',
} as const
const keyHashes = { '-psk-importer-sha256': 'sha256', '-psk-importer-sha384': 'sha384' } as const

const plainFlags: ReadonlySet<string> = new Set([
  '-server',
  '-ipv6',
  '-async',
  '-check-close-notify',
  '-shim-writes-first',
  '-read-with-unfinished-write',
  '-shim-shuts-down',
  '-write-different-record-sizes',
  '-handshake-twice',
  '-no-op-extra-handshake',
  '-verify-peer',
  '-verify-fail',
  '-require-any-client-certificate',
  '-use-custom-verify-callback',
  '-expect-no-peer-cert',
  '-expect-verify-result',
  '-expect-no-server-name',
  '-use-export-context',
  '-use-exporter-between-reads',
  '-decline-alpn',
  '-reject-alpn',
  '-no-tls1',
  '-no-tls11',
  '-no-tls12',
  '-no-tls13',
  '-no-ticket',
  '-renew-ticket',
  '-skip-ticket',
  '-reverify-on-resume',
  '-expect-session-miss',
  '-expect-session-id',
  '-expect-no-session-id',
  '-expect-no-session',
  '-expect-ticket-renewal',
  '-enable-early-data',
  '-expect-ticket-supports-early-data',
  '-expect-accept-early-data',
  '-expect-reject-early-data',
  '-expect-no-offer-early-data',
  '-enable-ocsp-stapling',
  '-use-ocsp-callback',
  '-set-ocsp-in-callback',
  '-decline-ocsp-callback',
  '-fail-ocsp-callback',
  '-enable-signed-cert-timestamps',
  '-fail-early-callback',
  '-install-ddos-callback',
  '-fail-ddos-callback',
  '-fail-cert-callback',
  '-install-cert-compression-algs',
  '-key-update',
  '-key-update-before-read',
  '-fips-202205',
  '-wpa-202304',
  '-cnsa1-202603',
  // How a callback of BoringSSL is called, or a default of ours: there is nothing to do.
  '-implicit-handshake',
  '-allow-hint-mismatch',
  '-false-start',
  '-server-preference',
  '-use-old-client-cert-callback',
  '-use-early-callback',
  '-enable-grease',
  '-permute-extensions',
  '-partial-write',
  '-cbc-record-splitting',
  '-use-ticket-callback',
  '-use-ticket-aead-callback',
  '-expect-hrr',
  '-expect-no-hrr',
  '-no-legacy-server-connect',
  '-expect-secure-renegotiation',
  '-expect-extended-master-secret',
  '-forbid-renegotiation-after-handshake',
  '-renegotiate-ignore',
])

const textFlags: ReadonlySet<string> = new Set([
  '-shim-id',
  '-trust-cert',
  '-host-name',
  '-expect-server-name',
  '-advertise-alpn',
  '-select-alpn',
  '-expect-alpn',
  '-export-label',
  '-export-context',
  '-shim-initial-write',
  '-expect-peer-cert-file',
  '-expect-early-data-reason',
  '-expect-ocsp-response',
  '-expect-signed-cert-timestamps',
  '-expect-advertised-alpn',
  '-expect-client-ca-list',
])

const numberFlags: ReadonlySet<string> = new Set([
  '-port',
  '-min-version',
  '-max-version',
  '-expect-version',
  '-expect-cipher',
  '-expect-cipher-aes',
  '-expect-cipher-no-aes',
  '-resume-count',
  '-key-shares',
  '-expect-curve-id',
  '-expect-peer-signature-algorithm',
  '-expect-peer-verify-pref',
  '-expect-selected-credential',
  '-expect-total-renegotiations',
  '-curves',
  '-verify-prefs',
  '-export-keying-material',
  '-read-size',
  '-install-one-cert-compression-alg',
  '-repeat-shim-initial-write',
  '-resumption-delay',
])
