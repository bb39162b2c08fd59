import process, { argv, stdout } from 'node:process'
import {
  type Backend,
  Certificate,
  CertificateError,
  CipherSuite,
  type ClientOptions,
  createSchannelBackend,
  NamedGroup,
  PrivateKey,
  portable,
  type ServerOptions,
  type SigningChain,
  schannel,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { type KeyKind, type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'

/**
 * For a person with Windows: tries in memory, against the portable backend, what of the backend `schannel` was only tested against a scripted
 * Windows, and says what is so and what is not. Nothing is installed, and nothing is sent anywhere. Exit code 1 where something is not so.
 *
 * Usage: node build/scripts/verify-schannel.js [id of a certificate with a key, such as windows:CurrentUser/My/thumbprint=…]
 */
const [, , id] = argv

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

const askingClients = { clientAuthentication: 'required', trustStore } as const
let failures = 0
for (const [version, bounds] of [
  ['TLS 1.3', tls13],
  ['TLS 1.2', tls12],
] as const) {
  for (const keyKind of ['ecdsa-p256', 'rsa-2048'] as const) {
    await check(`${version}, client, server with ${keyKind}: data both ways, orderly close`, async () => {
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
    await check(`${version}, server with ${keyKind}: data both ways, orderly close`, async () => {
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
await check('client: with both versions, TLS 1.3 is spoken', async () => {
  const { client } = await pair(schannel, portable, {})
  expect(client.facts.version === 'TLSv1.3', `it is ${client.facts.version}`)
  expect(client.facts.credentialStructure === 'SCH_CREDENTIALS', 'by the old structure')
})
await check(
  'client by the old structure: a server of TLS 1.3 alone is out of reach, and the error says why',
  async () => {
    const old = createSchannelBackend({ name: 'old', credentials: 'legacy' })
    await refused(Error, () => pair(old, portable, {}, 'ecdsa-p256', tls13))
    const { client } = await pair(old, portable, {})
    expect(client.facts.version === 'TLSv1.2', `it is ${client.facts.version}`)
  },
)
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
stdout.write(
  failures === 0 ? '\nall as documented\n' : `\n${failures} not as documented: please tell, with all of the above\n`,
)
process.exitCode = failures === 0 ? 0 : 1

async function check(what: string, run: () => Promise<void>): Promise<void> {
  try {
    await run()
    stdout.write(`yes  ${what}\n`)
  } catch (thrown) {
    failures++
    const { message, cause } = thrown instanceof Error ? thrown : new Error(String(thrown))
    stdout.write(`NO   ${what}\n       ${message}${cause instanceof Error ? ` (${cause.message})` : ''}\n`)
  }
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

/** Data in both directions, more than a record of it, and close_notify from both sides. */
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
