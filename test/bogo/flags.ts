/** What the runner asks of the shim for one connection: its flags, as far as they are understood. */
export interface Request {
  readonly port: number
  readonly shimId: bigint
  readonly host: '::1' | '127.0.0.1'
  readonly flags: ReadonlySet<string>
  readonly texts: ReadonlyMap<string, string>
  readonly numbers: ReadonlyMap<string, readonly number[]>
  readonly credentials: readonly CredentialRequest[]
}

/** A certificate to show. The one that is given without asking for a new credential has the index -1. */
export interface CredentialRequest {
  readonly index: number
  certificateFile: string | undefined
  keyFile: string | undefined
  readonly signingPreferences: number[]
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
  const initial = parseConnection(given, '-on-initial', '-on-resume')
  const count = initial.numbers.get('-resume-count')?.[0] ?? 0
  // Sessions are never resumed here, which is what some tests want to see.
  if (count > 0 && !initial.flags.has('-expect-session-miss')) throw new Unimplemented('resumption')
  if (count === 0) return [initial]
  return [initial, ...new Array<Request>(count).fill(parseConnection(given, '-on-resume', '-on-initial'))]
}

/** @param own The prefix of what holds for this connection alone. */
function parseConnection(given: readonly string[], own: string, others: string): Request {
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
    const prefix = [others, '-on-handshaker'].find((each) => full.startsWith(each))
    if (prefix !== undefined) {
      if (takesValue(full.slice(prefix.length))) position++
      continue
    }
    const name = full.startsWith(own) ? full.slice(own.length) : full
    const value = (): string => {
      const text = given[++position]
      if (text === undefined) throw new Error(`the flag ${name} has no value`)
      return text
    }
    if (name === '-new-x509-credential') {
      hasDefault ||= credentials.some(({ index }) => index === -1)
      credentials.push(newCredential(credentials.length - (hasDefault ? 1 : 0)))
    } else if (name === '-cert-file') credential().certificateFile = value()
    else if (name === '-key-file') credential().keyFile = value()
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
  }
}

/** @throws Unimplemented where the flag is not known. */
function takesValue(name: string): boolean {
  if (['-cert-file', '-key-file', '-signing-prefs'].includes(name) || textFlags.has(name) || numberFlags.has(name))
    return true
  if (plainFlags.has(name)) return false
  throw new Unimplemented(`the flag ${name}`)
}

function newCredential(index: number): CredentialRequest {
  return { index, certificateFile: undefined, keyFile: undefined, signingPreferences: [] }
}

const plainFlags: ReadonlySet<string> = new Set([
  '-server',
  '-ipv6',
  '-async',
  '-check-close-notify',
  '-shim-writes-first',
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
  '-no-ticket',
  '-use-ticket-callback',
  '-expect-session-miss',
  '-reverify-on-resume',
  '-expect-hrr',
  '-expect-no-hrr',
  '-no-legacy-server-connect',
  '-expect-extended-master-secret',
  '-expect-no-session-id',
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
  '-ticket-key',
  '-expect-peer-cert-file',
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
  '-expect-selected-credential',
  '-expect-total-renegotiations',
  '-curves',
  '-verify-prefs',
  '-export-keying-material',
  '-read-size',
  '-repeat-shim-initial-write',
  '-resumption-delay',
])
