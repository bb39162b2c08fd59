import {
  Certificate,
  CertificateError,
  ConfigurationError,
  type ConnectionFacts,
  NamedGroup,
  type NegotiatedVersion,
  PrivateKey,
  portable,
  SignatureScheme,
  type SigningChain,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls/portable'
import { Conversation, linked } from './conversation.ts'
import { openWebSocket } from './web-socket.ts'

/** What the test hands to the browser, PEM where not said otherwise. */
export interface Task {
  readonly authority: string
  readonly strangeAuthority: string
  readonly servers: readonly (Shown & { readonly kind: string; readonly key: string })[]
  /** An RSA key as PKCS#8, and its public half as SubjectPublicKeyInfo: both DER, in hexadecimal. */
  readonly rsa: Shown & { readonly pkcs8: string; readonly spki: string }
  /** Behind it is openssl s_server, which sends lines back reversed. */
  readonly bridge: string
}

/** What a server shows of itself. */
interface Shown {
  readonly certificate: string
  readonly chain: readonly string[]
}

export type SeenFacts = Pick<ConnectionFacts, 'version' | 'group' | 'signatureScheme' | 'verified'>

/** What the browser saw. */
export interface Report {
  readonly failed?: string
  readonly userAgent?: string
  readonly inMemory?: readonly (SeenFacts & { readonly kind: string; readonly bytesReceived: number })[]
  readonly webCrypto?: SeenFacts
  readonly overWebSocket?: readonly (SeenFacts & { readonly answer: string })[]
  /** Fields and reasons of what was refused. */
  readonly refusals?: readonly string[]
  readonly handshakeMilliseconds?: number
  readonly megabytesPerSecond?: number
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const
const hostName = 'server.test'

export async function performTask(task: Task): Promise<Report> {
  return {
    userAgent: userAgent(),
    inMemory: inMemory(task),
    webCrypto: await withWebCrypto(task),
    overWebSocket: await overWebSocket(task),
    refusals: refusals(task),
    ...speed(task),
  }
}

function clientFor({ authority }: Task, version?: NegotiatedVersion, groups?: readonly number[]): TLSBuffer {
  const configuration = new TLSClientConfiguration({
    trustStore: TrustStore.fromBuffer(authority),
    ...(version && { lowestSupportedVersion: version, highestSupportedVersion: version }),
    ...(groups && { groups }),
  })
  return portable.clientContext(configuration).createBuffer(hostName)
}

function serverFor(chain: SigningChain): TLSBuffer {
  return portable.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })).createBuffer()
}

function chainOf(shown: Shown, key: PrivateKey): SigningChain {
  return {
    leaf: Certificate.fromBuffer(shown.certificate),
    key,
    chain: shown.chain.map((each) => Certificate.fromBuffer(each)),
  }
}

function inMemory(task: Task): NonNullable<Report['inMemory']> {
  return versions.flatMap((version) =>
    task.servers.map((each) => {
      const groups = version === 'TLSv1.3' ? [NamedGroup.X25519MLKEM768] : undefined
      const pair = linked(clientFor(task, version, groups), serverFor(chainOf(each, PrivateKey.fromBuffer(each.key))))
      pair.handshake()
      const data = new Uint8Array(300_000).map((_, index) => index)
      const [up, down] = [pair.transfer('client', data), pair.transfer('server', data)]
      const isWhole = [up, down].every((received) => received.every((byte, index) => byte === data[index]))
      return { ...seen(pair.client), kind: each.kind, bytesReceived: isWhole ? up.length + down.length : 0 }
    }),
  )
}

/** A key of RSA, which the noble provider does not sign with: the browser does, and does not give it away. */
async function withWebCrypto(task: Task): Promise<SeenFacts> {
  const { pkcs8, spki } = task.rsa
  const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('pkcs8', bytesOf(pkcs8), algorithm, false, ['sign'])
  const signer = {
    publicKey: bytesOf(spki),
    schemes: [SignatureScheme.rsa_pss_rsae_sha256],
    sign: async (_scheme: number, message: Uint8Array) =>
      new Uint8Array(await crypto.subtle.sign({ name: 'RSA-PSS', saltLength: 32 }, key, Uint8Array.from(message))),
  }
  const pair = linked(clientFor(task), serverFor(chainOf(task.rsa, PrivateKey.fromSigner(signer))))
  await pair.handshakeWithSigner()
  return seen(pair.client)
}

async function overWebSocket(task: Task): Promise<NonNullable<Report['overWebSocket']>> {
  const seenOnes = []
  for (const version of versions) {
    const channel = clientFor(task, version)
    const conversation = new Conversation(channel, await openWebSocket(task.bridge))
    await conversation.step(() => channel.handshake())
    await conversation.step(() => channel.write(new TextEncoder().encode('desserts\n')))
    let answer = ''
    while (!answer.endsWith('\n')) {
      const data = await conversation.step(() => channel.read(1_000))
      if (typeof data === 'string') throw new Error(`${data} after ${JSON.stringify(answer)}`)
      answer += new TextDecoder().decode(data)
    }
    channel.shutdown()
    conversation.close()
    seenOnes.push({ ...seen(channel), answer })
  }
  return seenOnes
}

function refusals(task: Task): readonly string[] {
  const strange = clientFor({ ...task, authority: task.strangeAuthority })
  return [
    () => portable.clientContext(new TLSClientConfiguration()),
    () => portable.clientContext(new TLSClientConfiguration({ trustStore: TrustStore.fromFile('authorities.pem') })),
    () => linked(strange, firstServer(task)).handshake(),
  ].map((refused) => {
    try {
      refused()
      return 'accepted'
    } catch (error) {
      if (error instanceof ConfigurationError) return error.field
      if (error instanceof CertificateError) return error.reason
      throw error
    }
  })
}

/** One second of each, with what client and server choose by themselves. */
function speed(task: Task): Pick<Report, 'handshakeMilliseconds' | 'megabytesPerSecond'> {
  const start = performance.now()
  let pair = linked(clientFor(task), firstServer(task))
  let handshakes = 0
  for (; performance.now() - start < 1_000; handshakes++) {
    pair = linked(clientFor(task), firstServer(task))
    pair.handshake()
  }
  const handshakeMilliseconds = (performance.now() - start) / handshakes
  const data = new Uint8Array(1_000_000)
  const begin = performance.now()
  let megabytes = 0
  for (; performance.now() - begin < 1_000; megabytes++) pair.transfer('client', data)
  return { handshakeMilliseconds, megabytesPerSecond: megabytes / ((performance.now() - begin) / 1_000) }
}

function firstServer({ servers: [first] }: Task): TLSBuffer {
  if (first === undefined) throw new Error('the task has no server')
  return serverFor(chainOf(first, PrivateKey.fromBuffer(first.key)))
}

/** The types of Node do not have it. */
function userAgent(): string {
  return (globalThis as unknown as { readonly navigator: { readonly userAgent: string } }).navigator.userAgent
}

function seen({ facts }: TLSBuffer): SeenFacts {
  const { version, group, signatureScheme, verified } = facts
  return { version, group, signatureScheme, verified }
}

function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
