// over 400 lines: whoever is to run it reads it first, from top to bottom, and finds all that it does in one place.
import process, { argv, stdout } from 'node:process'
import {
  AlertReceivedError,
  type Backend,
  BackendError,
  Certificate,
  CertificateError,
  CipherSuite,
  type ClientOptions,
  ConfigurationError,
  NamedGroup,
  PrivateKey,
  portable,
  type ServerOptions,
  type SigningChain,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSError,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { Alert, type AlertName } from '#polytls/alerts.js'
import { SchannelBackend } from '#polytls/backends/schannel/backend.js'
import type { NativeSecurity } from '#polytls/backends/schannel/native.js'
import { Status, statusName } from '#polytls/backends/schannel/status.js'
import { loadWindowsSecurity } from '#polytls/backends/schannel/windows-security.js'
import { type KeyKind, type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'
import { belongings, putIntoStore } from './windows-store.ts'

/**
 * For a person with Windows: tries in memory, against the portable backend, what of the backend `schannel` was only tested against a scripted
 * Windows, and says what is so and what is not, with everything that Schannel answered but success. Nothing is installed, and nothing is sent
 * anywhere. Exit code 1 where something is not so.
 *
 * Usage: node build/scripts/verify-schannel.js [--store] [id of a certificate with a key, such as windows:CurrentUser/My/thumbprint=…]
 *
 * With `--store`, a certificate and its key are put into the store CurrentUser/My for a moment, and taken out again.
 */
const usesStore = argv.includes('--store')
const id = argv.slice(2).find((word) => word !== '--store')

/** What Schannel answered in the check that runs, but plain success. */
let answers = new Set<string>()
const schannel = new SchannelBackend({ name: 'schannel', load: loadWatched, now: Date.now, legacy: false })
const old = new SchannelBackend({ name: 'schannel-legacy', load: loadWatched, now: Date.now, legacy: true })

interface Pair {
  readonly client: TLSBuffer
  readonly server: TLSBuffer
}

const root = await makeAuthority({ name: 'Schannel Test Root' })
const trustStore = TrustStore.fromBuffer(root.certificate)
const tls12 = { lowestSupportedVersion: 'TLSv1.2', highestSupportedVersion: 'TLSv1.2' } as const
const tls13 = { lowestSupportedVersion: 'TLSv1.3', highestSupportedVersion: 'TLSv1.3' } as const

stdout.write(`Node ${process.version}, schannel: ${schannel.version || describe(schannel.available)}\n`)
if (!schannel.available.yes) process.exit(1)
stdout.write(
  `versions ${schannel.capabilities.versions.join(', ')}; roles ${schannel.capabilities.roles.join(', ')}\n\n`,
)

const belongingsBefore = belongings()
const askingClients = { clientAuthentication: 'required', trustStore } as const
const roles = [
  ['client', schannel, portable],
  ['server', portable, schannel],
] as const
let failures = 0
for (const [version, bounds] of [
  ['TLS 1.3', tls13],
  ['TLS 1.2', tls12],
] as const) {
  for (const keyKind of ['ecdsa-p256', 'rsa-2048'] as const) {
    await check(`${version}, client, server with ${keyKind}: data both ways`, async () => {
      talk(await pair(schannel, portable, bounds, keyKind))
    })
    await check(`${version}, client with a certificate (${keyKind}): the server verifies it`, async () => {
      const made = await issued('Client', keyKind)
      const both = await pair(
        schannel,
        portable,
        { ...bounds, certificateChain: chainOf(made) },
        keyKind,
        askingClients,
      )
      expect(both.server.facts.verified, 'the client was not verified')
      talk(both)
    })
    await check(`${version}, server with ${keyKind}: data both ways`, async () => {
      talk(await pair(portable, schannel, bounds, keyKind))
    })
    await check(`${version}, server that demands a certificate (${keyKind}): the client is verified`, async () => {
      const made = await issued('Client', keyKind)
      const both = await pair(
        portable,
        schannel,
        { ...bounds, certificateChain: chainOf(made) },
        keyKind,
        askingClients,
      )
      expect(both.server.facts.verified, 'the client was not verified')
    })
  }
  await check(`${version}, server that demands a certificate: a client without one is refused`, async () => {
    await refused(CertificateError, () => pair(portable, schannel, bounds, 'rsa-2048', askingClients))
  })
  await check(`${version}, client: a stranger's certificate is refused, and the server hears so`, async () => {
    const { certificate } = await makeAuthority({ name: 'A Stranger' })
    const told = await refused(CertificateError, () =>
      pair(schannel, portable, { ...bounds, trustStore: TrustStore.fromBuffer(certificate) }),
    )
    expect(told.alert === 'unknown_ca', `the alert was ${told.alert}`)
  })
  for (const [role, client, server] of roles) {
    await check(`${version}, ${role}: orderly close by both, told by SEC_I_CONTEXT_EXPIRED`, async () => {
      close(await pair(client, server, bounds, 'rsa-2048'))
      expect(
        [...answers].some((each) => each.includes('SEC_I_CONTEXT_EXPIRED')),
        'Schannel did not say it',
      )
    })
  }
  await check(`${version}, client held to it: a server of both versions speaks it`, async () => {
    const { client } = await pair(schannel, portable, bounds)
    expect(client.facts.version === bounds.lowestSupportedVersion, `it is ${client.facts.version}`)
  })
  await check(
    `${version}, client: the alerts of a server that refuses its certificate, encrypted in TLS 1.3`,
    async () => {
      const names: string[] = []
      for (const [expected, options] of await refusals()) {
        const error = await refusedByPeer({ ...bounds, certificateChain: options.certificateChain }, options)
        const { message } = error
        names.push(`${expected}: ${statusOf(error)}`)
        expect(error.alert === expected || message.includes(expected), `for ${expected} came ${message}`)
      }
      answers = new Set(names)
    },
  )
  await check(`${version}, client: ALPN, suite and group are agreed, and told`, async () => {
    const ciphers = [
      version === 'TLS 1.3' ? CipherSuite.TLS_AES_256_GCM_SHA384 : CipherSuite.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ]
    const options = { ...bounds, ciphers, groups: [NamedGroup.secp384r1], innerProtocols: ['a', 'b'] }
    const { client } = await pair(schannel, portable, options, 'rsa-2048', { innerProtocols: ['b'] })
    expect(client.facts.innerProtocol === 'b', `ALPN is ${client.facts.innerProtocol}`)
    expect(client.facts.cipherSuite === ciphers[0], `the suite is ${client.facts.cipherSuite}`)
    expect(client.facts.group === NamedGroup.secp384r1, `the group is ${client.facts.group}`)
  })
}
for (const [role, client, server] of roles) {
  await check(
    `TLS 1.3, ${role}: new keys of the peer are followed, and its wish for new ones is answered`,
    async () => {
      for (const requestPeer of [false, true]) {
        const both = await pair(client, server, tls13, 'rsa-2048')
        const [ours, theirs] = role === 'client' ? [both.client, both.server] : [both.server, both.client]
        theirs.updateKeys({ requestPeer })
        flow(both)
        expect(ours.read(1) === 'want-read', 'the new keys were not taken for themselves')
        // The answer goes out before the next data at the latest. RFC 9846, Section 4.6.3.
        ours.write(Buffer.from('data'))
        const ciphertext = ours.processOutgoing()
        expect(recordsIn(ciphertext) === (requestPeer ? 2 : 1), `${recordsIn(ciphertext)} records go out`)
        theirs.processIncoming(ciphertext)
        expect(Buffer.from(theirs.read(100) as Uint8Array).toString() === 'data', 'the data behind it is not read')
        talk(both)
      }
    },
  )
}
await check('TLS 1.3, client: tickets are taken as no data', async () => {
  const both = await pair(schannel, portable, tls13)
  for (let count = 0; count < 3; count++) both.server.sendTicket()
  flow(both)
  expect(both.client.read(1) === 'want-read', 'a ticket is something else')
  talk(both)
})
await check('client: every alert that a server may say in the clear, by its name', async () => {
  const names: string[] = []
  for (const [name, number] of Object.entries(Alert)) {
    const client = schannel.clientContext(new TLSClientConfiguration({ trustStore })).createBuffer('server.test')
    client.handshake()
    client.processIncoming(Uint8Array.of(21, 3, 3, 0, 2, 2, number))
    const error = await refused(TLSError, async () => client.handshake())
    names.push(`${name}: ${statusOf(error)}`)
    expect(error instanceof AlertReceivedError && error.alert === name, `for ${name} came ${error.message}`)
    client[Symbol.dispose]()
  }
  answers = new Set(names)
})
await check('client: with both versions, TLS 1.3 is spoken', async () => {
  const { client } = await pair(schannel, portable, {})
  expect(client.facts.version === 'TLSv1.3', `it is ${client.facts.version}`)
  expect(client.facts.credentialStructure === 'SCH_CREDENTIALS', 'by the old structure')
})
await check(
  'client by the old structure: a server of TLS 1.3 alone is out of reach, and the error says why',
  async () => {
    await refused(Error, () => pair(old, portable, {}, 'ecdsa-p256', tls13))
    const { client } = await pair(old, portable, {})
    expect(client.facts.version === 'TLSv1.2', `it is ${client.facts.version}`)
  },
)
await check('the old structure refuses a demand for TLS 1.3 when the context is made', async () => {
  const { field } = await refused(ConfigurationError, async () => old.clientContext(new TLSClientConfiguration(tls13)))
  expect(field === 'lowestSupportedVersion', `the field is ${field}`)
})
await check('client: an older version than wanted is refused', async () => {
  await refused(Error, () => pair(schannel, portable, tls13, 'ecdsa-p256', tls12))
})
await check('client: a suite that Schannel alone would take is refused', async () => {
  const ciphers = [CipherSuite.TLS_AES_128_GCM_SHA256]
  await refused(Error, () =>
    pair(schannel, portable, { ...tls13, ciphers }, 'ecdsa-p256', { ciphers: [CipherSuite.TLS_AES_256_GCM_SHA384] }),
  )
})
if (id !== undefined) {
  await check(`client with ${id}: the server asks for the certificate and gets it`, async () => {
    const certificateChain = { leaf: Certificate.fromId(id), key: PrivateKey.fromId(id) }
    // Whose authority it is from, this program does not know: that the server sees it, and its proof, is what counts.
    const error = await refused(CertificateError, () =>
      pair(schannel, portable, { ...tls12, certificateChain }, 'rsa-2048', askingClients),
    )
    expect(error.peerChain.length > 0, 'no certificate was shown')
  })
}
if (usesStore) {
  await check('client: a certificate in CurrentUser/My by its thumbprint and by its subject, and gone', async () => {
    const name = `polytls ${Date.now()}`
    const made = await root.issue({ name, keyKind: 'rsa-2048' })
    const stored = putIntoStore(made)
    try {
      for (const where of [`thumbprint=${stored.thumbprint}`, `subject=${name}`]) {
        const by = `windows:CurrentUser/My/${where}`
        const certificateChain = { leaf: Certificate.fromId(by), key: PrivateKey.fromId(by) }
        talk(await pair(schannel, portable, { certificateChain }, 'rsa-2048', askingClients))
      }
    } finally {
      stored.remove()
    }
    const by = `windows:CurrentUser/My/thumbprint=${stored.thumbprint}`
    const certificateChain = { leaf: Certificate.fromId(by), key: PrivateKey.fromId(by) }
    const gone = new TLSClientConfiguration({ trustStore, certificateChain })
    await refused(ConfigurationError, async () => schannel.clientContext(gone))
  })
} else stdout.write('     a certificate in the store of Windows was not tried: --store puts one there for a moment\n')
await check(
  'keys from PEM, of which there were many by now, left nothing behind in stores, containers and files',
  async () => {
    const left = belongings().filter((each) => !belongingsBefore.includes(each))
    expect(left.length === 0, left.join(', '))
  },
)
stdout.write(
  failures === 0 ? '\nall as documented\n' : `\n${failures} not as documented: please tell, with all of the above\n`,
)
process.exitCode = failures === 0 ? 0 : 1

async function check(what: string, run: () => Promise<void>): Promise<void> {
  answers = new Set()
  try {
    await run()
    stdout.write(`yes  ${what}\n`)
  } catch (thrown) {
    failures++
    const { message, cause } = thrown instanceof Error ? thrown : new Error(String(thrown))
    stdout.write(`NO   ${what}\n       ${message}${cause instanceof Error ? ` (${cause.message})` : ''}\n`)
  }
  for (const each of answers) stdout.write(`       ${each}\n`)
}

/** Windows, with an ear at everything that has a status. */
function loadWatched(): NativeSecurity | { readonly reason: string } {
  const native = loadWindowsSecurity()
  if ('reason' in native) return native
  return new Proxy(native, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver) as unknown
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        const answer = Reflect.apply(member, target, values) as unknown
        const status = typeof answer === 'object' && answer !== null && 'status' in answer ? answer.status : answer
        const isTold =
          typeof status === 'number' && status !== Status.SEC_E_OK && status !== Status.SEC_I_CONTINUE_NEEDED
        if (isTold) answers.add(`${String(name)}: ${statusName(status)}`)
        return answer
      }
    },
  })
}

/** What Schannel said, which an error of ours has as its cause. */
function statusOf({ cause }: TLSError): string {
  return cause instanceof BackendError ? (cause.nativeCode ?? '') : 'nothing of Schannel'
}

/** Whom a portable server refuses, and by which alert. */
async function refusals(): Promise<readonly (readonly [AlertName, Refusal])[]> {
  const day = 86_400_000
  const asked = { clientAuthentication: 'required', trustStore } as const
  const issue = (options: Partial<Parameters<typeof root.issue>[0]>): Promise<MadeCertificate> =>
    root.issue({ name: 'Client', keyKind: 'rsa-2048', ...options })
  const expired = await issue({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) })
  const forServers = await issue({ extendedKeyUsages: ['1.3.6.1.5.5.7.3.1'] })
  const good = chainOf(await issue({}))
  return [
    ['certificate_expired', { ...asked, certificateChain: chainOf(expired) }],
    ['unsupported_certificate', { ...asked, certificateChain: chainOf(forServers) }],
    [
      'bad_certificate',
      { ...asked, certificateChain: good, verifyPeer: () => ({ accept: false, reason: 'not this one' }) },
    ],
  ]
}

type Refusal = Pick<ServerOptions, 'clientAuthentication' | 'trustStore' | 'verifyPeer'> & {
  readonly certificateChain: SigningChain
}

/** What a client of Schannel learns of a server that refuses its certificate; the server's refusal is expected. */
async function refusedByPeer(client: ClientOptions, { certificateChain: _, ...server }: Refusal): Promise<TLSError> {
  const made = await issued('server.test', 'rsa-2048')
  const both = {
    client: schannel.clientContext(new TLSClientConfiguration({ trustStore, ...client })).createBuffer('server.test'),
    server: portable
      .serverContext(new TLSServerConfiguration({ certificateChain: [chainOf(made)], ...server }))
      .createBuffer(),
  }
  for (let round = 0; round < 20; round++) {
    try {
      if (both.server.handshake() === 'paused') both.server.resume({ accept: false, reason: 'not this one' })
    } catch {
      // It says so, by an alert.
    }
    flow(both)
    try {
      if (both.client.handshake() === 'done') both.client.read(1)
    } catch (thrown) {
      if (thrown instanceof TLSError) return thrown
      throw thrown
    }
    flow(both)
  }
  throw new Error('the client never learns of it')
}

/** A client and a server whose handshake is done. */
async function pair(
  clientBackend: Backend,
  serverBackend: Backend,
  client: ClientOptions,
  keyKind: KeyKind = 'ecdsa-p256',
  server: Partial<ServerOptions> = {},
): Promise<Pair> {
  const certificateChain = [chainOf(await issued('server.test', keyKind))]
  const both = {
    client: clientBackend
      .clientContext(new TLSClientConfiguration({ trustStore, ...client }))
      .createBuffer('server.test'),
    server: serverBackend.serverContext(new TLSServerConfiguration({ certificateChain, ...server })).createBuffer(),
  }
  for (let round = 0; round < 20; round++) {
    const endings = [both.client.handshake(), both.server.handshake()]
    flow(both)
    if (endings.every((each) => each === 'done')) return both
  }
  throw new Error('the handshake does not end')
}

/** Data in both directions, more than a record of it. */
function talk(both: Pair): void {
  for (const [from, to] of [
    [both.client, both.server],
    [both.server, both.client],
  ] as const) {
    const data = Buffer.alloc(50_000, 'data')
    expect(from.write(data) === data.byteLength, 'not everything was taken')
    flow(both)
    const read: Uint8Array[] = []
    for (let part = to.read(65_536); typeof part !== 'string'; part = to.read(65_536)) read.push(part)
    expect(Buffer.concat(read).equals(data), 'what arrived is not what was sent')
  }
}

/** close_notify from both sides, the client's first. */
function close(both: Pair): void {
  both.client.shutdown()
  flow(both)
  expect(both.server.read(1) === 'closed', 'the server does not see the close_notify')
  both.server.shutdown()
  flow(both)
  expect(both.client.read(1) === 'closed', 'the client does not see the close_notify')
}

function flow({ client, server }: Pair): void {
  for (let moved = true; moved; ) {
    moved = false
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const ciphertext = from.processOutgoing()
      if (ciphertext.byteLength > 0) moved = to.processIncoming(ciphertext) > 0
    }
  }
}

function recordsIn(ciphertext: Uint8Array): number {
  let count = 0
  for (let at = 0; at < ciphertext.byteLength; count++)
    at += 5 + (((ciphertext[at + 3] ?? 0) << 8) | (ciphertext[at + 4] ?? 0))
  return count
}

async function refused<E extends Error>(
  kind: abstract new (...values: never[]) => E,
  attempt: () => Promise<unknown>,
): Promise<E> {
  try {
    await attempt()
  } catch (thrown) {
    if (thrown instanceof kind) return thrown
    throw thrown
  }
  throw new Error('it was accepted')
}

function expect(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise)
}

function issued(name: string, keyKind: KeyKind): Promise<MadeCertificate> {
  return root.issue({ name, names: [name], keyKind })
}

function chainOf({ certificate, key }: MadeCertificate): SigningChain {
  return { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key) }
}

function describe(available: { readonly yes: boolean; readonly reason?: string }): string {
  return available.reason ?? 'available'
}
