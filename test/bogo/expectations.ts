import { isDeepStrictEqual } from 'node:util'
import type { ConnectionFacts, Session } from 'polytls'
import { derCertificatesIn, timestampsIn } from './credentials.ts'
import type { Request } from './flags.ts'

/** What was seen besides the facts of the channel. */
export interface Observations {
  readonly credential: number | undefined
  readonly helloRetryRequest: boolean
  /** As where the processor has instructions for it, or the other way round. */
  readonly prefersAES: boolean
  /** How many sessions a server has put into its store. */
  readonly storedSessions: number
}

/** Compares what was agreed with what the runner expects. Throws for the first difference. */
export function checkFacts(request: Request, facts: ConnectionFacts, observed: Observations): void {
  const { flags, texts, numbers } = request
  const isServer = flags.has('-server')
  const number = (flag: string, what: string, got: unknown): void => {
    const wanted = numbers.get(flag)?.at(-1)
    if (wanted !== undefined && wanted !== 0) expect(what, wanted, got)
  }

  number('-expect-version', 'the version', facts.version === 'TLSv1.3' ? 0x0304 : 0x0303)
  number('-expect-cipher', 'the cipher suite', facts.cipherSuite)
  number(observed.prefersAES ? '-expect-cipher-aes' : '-expect-cipher-no-aes', 'the cipher suite', facts.cipherSuite)
  // Of the connection that it goes on from, BoringSSL remembers also how the keys were made.
  if (!facts.resumed || facts.group !== undefined) number('-expect-curve-id', 'the group', facts.group)
  if (!facts.resumed) number('-expect-peer-signature-algorithm', 'the signature scheme', facts.signatureScheme)
  number('-expect-total-renegotiations', 'the number of renegotiations', 0)
  expect(
    'the protocol',
    (isServer ? texts.get('-select-alpn') : texts.get('-expect-alpn')) || undefined,
    facts.innerProtocol,
  )

  const serverName = texts.get('-expect-server-name')
  if (serverName !== undefined) expect('the server name', serverName, facts.serverName)
  if (flags.has('-expect-no-server-name')) expect('the server name', undefined, facts.serverName)

  const file = texts.get('-expect-peer-cert-file')
  if (file !== undefined && file !== '') {
    expect('the chain of the peer', derCertificatesIn(file).map(hex), facts.peerChain.map(hex))
  }
  // Of the connection that it goes on from, BoringSSL remembers also what came beside the certificate.
  const ocspResponse = texts.get('-expect-ocsp-response')
  if (ocspResponse !== undefined && !facts.resumed)
    expect('the state of the certificate', ocspResponse, base64(facts.ocspResponse))
  const timestamps = texts.get('-expect-signed-cert-timestamps')
  if (timestamps !== undefined && !facts.resumed) {
    const wanted = timestampsIn(new Uint8Array(Buffer.from(timestamps, 'base64')))
    expect('the timestamps', wanted.map(hex), facts.signedCertificateTimestamps.map(hex))
  }

  if (flags.has('-expect-no-peer-cert') || facts.preSharedKeyIdentity !== undefined)
    expect('the certificates of the peer', 0, facts.peerChain.length)
  else if (!isServer || flags.has('-require-any-client-certificate')) {
    expect('whether the peer has a certificate', true, facts.peerChain.length > 0)
  }
  // Where nobody was asked to prove anything, BoringSSL has nothing against the peer.
  const isKnown = facts.peerChain.length > 0
  if (flags.has('-expect-verify-result') && isKnown) expect('whether the peer was verified', true, facts.verified)

  const selected = numbers.get('-expect-selected-credential')?.at(-1)
  if (selected !== undefined) expect('the credential', selected, observed.credential ?? -1)
  if (flags.has('-expect-hrr')) expect('whether there was a HelloRetryRequest', true, observed.helloRetryRequest)
  if (flags.has('-expect-no-hrr')) expect('whether there was a HelloRetryRequest', false, observed.helloRetryRequest)

  expect('resumption', request.resumes && !flags.has('-expect-session-miss'), facts.resumed)
  const early = facts.earlyData ?? 'not-sent'
  const reason = texts.get('-expect-early-data-reason')
  if (flags.has('-expect-accept-early-data') || reason === 'accepted') expect('early data', 'accepted', early)
  else if (flags.has('-expect-reject-early-data') || reason !== undefined)
    expect('whether early data was accepted', false, early === 'accepted')
  if (flags.has('-expect-no-offer-early-data')) expect('early data', 'not-sent', early)
  if (!request.resumes && flags.has('-expect-session-id'))
    expect('whether a session was stored', true, observed.storedSessions > 0)
  if (!request.resumes && flags.has('-expect-no-session-id'))
    expect('whether a session was stored', false, observed.storedSessions > 0)
}

/** What a client was given to go on from: `sessions` in all, some of it with the handshake. */
export function checkSessions(
  { flags }: Request,
  { version, resumed, preSharedKeyIdentity }: ConnectionFacts,
  fromHandshake: readonly Session[],
  sessions: readonly Session[],
): void {
  // It keeps none at all, where BoringSSL goes by numbers still; and none where a key proves the server each time.
  if (flags.has('-no-ticket') || preSharedKeyIdentity !== undefined) return
  const isTLS13 = version === 'TLSv1.3'
  const isWanted = isTLS13 ? !flags.has('-shim-shuts-down') : !resumed || flags.has('-expect-ticket-renewal')
  const came = isTLS13 ? sessions : fromHandshake
  expect('whether a session came', isWanted && !flags.has('-expect-no-session'), came.length > 0)
  const last = sessions.at(-1)
  if (isTLS13 && last !== undefined)
    expect(
      'whether early data can go with the session',
      flags.has('-expect-ticket-supports-early-data'),
      last.maxEarlyDataBytes > 0,
    )
}

function expect(what: string, wanted: unknown, got: unknown): void {
  if (!isDeepStrictEqual(wanted, got)) throw new Error(`expected ${what} ${String(wanted)}, got ${String(got)}`)
}

function base64(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('base64')
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
