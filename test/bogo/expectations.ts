import { isDeepStrictEqual } from 'node:util'
import type { ConnectionFacts } from 'polytls'
import { derCertificatesIn } from './credentials.ts'
import type { Request } from './flags.ts'

/** What was seen besides the facts of the channel. */
export interface Observations {
  readonly credential: number | undefined
  readonly helloRetryRequest: boolean
  /** As where the processor has instructions for it, or the other way round. */
  readonly prefersAES: boolean
}

/** Compares what was agreed with what the runner expects. Throws for the first difference. */
export function checkFacts(request: Request, facts: ConnectionFacts, observed: Observations): void {
  const { flags, texts, numbers } = request
  const isServer = flags.has('-server')
  const expect = (what: string, wanted: unknown, got: unknown): void => {
    if (!isDeepStrictEqual(wanted, got)) throw new Error(`expected ${what} ${String(wanted)}, got ${String(got)}`)
  }
  const number = (flag: string, what: string, got: unknown): void => {
    const wanted = numbers.get(flag)?.at(-1)
    if (wanted !== undefined && wanted !== 0) expect(what, wanted, got)
  }

  number('-expect-version', 'the version', facts.version === 'TLSv1.3' ? 0x0304 : 0x0303)
  number('-expect-cipher', 'the cipher suite', facts.cipherSuite)
  number(observed.prefersAES ? '-expect-cipher-aes' : '-expect-cipher-no-aes', 'the cipher suite', facts.cipherSuite)
  number('-expect-curve-id', 'the group', facts.group)
  number('-expect-peer-signature-algorithm', 'the signature scheme', facts.signatureScheme)
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
  if (flags.has('-expect-no-peer-cert')) expect('the certificates of the peer', 0, facts.peerChain.length)
  else if (!isServer || flags.has('-require-any-client-certificate')) {
    expect('whether the peer has a certificate', true, facts.peerChain.length > 0)
  }
  if (flags.has('-expect-verify-result')) expect('whether the peer was verified', true, facts.verified)

  const selected = numbers.get('-expect-selected-credential')?.at(-1)
  if (selected !== undefined) expect('the credential', selected, observed.credential ?? -1)
  if (flags.has('-expect-hrr')) expect('whether there was a HelloRetryRequest', true, observed.helloRetryRequest)
  if (flags.has('-expect-no-hrr')) expect('whether there was a HelloRetryRequest', false, observed.helloRetryRequest)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
