import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CipherSuite, NamedGroup } from 'polytls'
import { type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'
import { encodePem } from '#polytls/codec/pem.js'
import { freePort } from '../peers/support/ports.ts'
import { authority, hostName, line, type Part, Participant } from './participant.ts'
import type { Recording } from './recording.ts'

/**
 * Records the conversations of `recordings/` again, with the openssl and gnutls of this machine: `npm run flows:record`. They are looked at
 * by `replay.test.ts`. To be done where what we send changes on purpose.
 */
const folder = fileURLToPath(new URL('../../../test/flows/recordings', import.meta.url))
const work = mkdtempSync(join(tmpdir(), 'polytls-flows-'))
const ours = encodePem('CERTIFICATE', authority.root())
writeFileSync(join(work, 'ours.pem'), ours)

/** The random bytes by which a HelloRetryRequest is known, their beginning: RFC 9846, Section 4.1.3. */
const retryRandom = Buffer.from('cf21ad74e59a6111be1d8c021e65b891', 'hex')

const C = CipherSuite
const { x25519, secp256r1, secp384r1 } = NamedGroup

/** One conversation, and who it is with. */
interface Flow {
  readonly name: string
  readonly part: Pick<Part, 'role' | 'version' | 'ciphers' | 'groups'> & Partial<Part>
  readonly kind?: 'ecdsa-p256' | 'rsa-2048'
  readonly program: 'openssl' | 'gnutls'
  readonly options?: readonly string[]
}

const suites13 = [C.TLS_AES_128_GCM_SHA256, C.TLS_AES_256_GCM_SHA384, C.TLS_CHACHA20_POLY1305_SHA256]
const ecdsa12 = [
  C.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
  C.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  C.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
  C.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
]
const nameOf = (suite: number): string =>
  (Object.entries(C).find(([, code]) => code === suite)?.[0] ?? '')
    .replace(/^TLS_/, '')
    .toLowerCase()
    .replaceAll('_', '-')

const flows: readonly Flow[] = (['client', 'server'] as const).flatMap((role): Flow[] => [
  ...suites13.map(
    (suite): Flow => ({
      name: `${role}13-openssl-${nameOf(suite)}`,
      part: { role, version: 'TLSv1.3', ciphers: [suite], groups: [x25519] },
      program: 'openssl',
    }),
  ),
  {
    name: `${role}13-openssl-retry`,
    part: {
      role,
      version: 'TLSv1.3',
      ciphers: suites13,
      groups: role === 'client' ? [x25519, secp384r1] : [secp384r1],
    },
    program: 'openssl',
    options: ['-groups', role === 'client' ? 'P-384' : 'X25519:P-384'],
  },
  {
    name: `${role}13-openssl-client-certificate`,
    part: { role, version: 'TLSv1.3', ciphers: suites13, groups: [secp256r1], authenticatesClient: true },
    program: 'openssl',
  },
  {
    name: `${role}13-gnutls`,
    part: { role, version: 'TLSv1.3', ciphers: suites13, groups: [x25519] },
    program: 'gnutls',
  },
  {
    name: `${role}13-gnutls-client-certificate`,
    part: { role, version: 'TLSv1.3', ciphers: suites13, groups: [secp256r1], authenticatesClient: true },
    program: 'gnutls',
  },
  ...ecdsa12.map(
    (suite): Flow => ({
      name: `${role}12-openssl-${nameOf(suite)}`,
      part: { role, version: 'TLSv1.2', ciphers: [suite], groups: [x25519, secp256r1] },
      program: 'openssl',
      // CCM is not among what openssl offers unasked.
      options: ['-cipher', 'ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM'],
    }),
  ),
  {
    name: `${role}12-openssl-client-certificate`,
    part: { role, version: 'TLSv1.2', ciphers: ecdsa12, groups: [secp256r1, x25519], authenticatesClient: true },
    program: 'openssl',
  },
  {
    name: `${role}12-gnutls`,
    part: { role, version: 'TLSv1.2', ciphers: ecdsa12, groups: [secp256r1, x25519] },
    program: 'gnutls',
  },
  ...(role === 'client'
    ? [
        {
          name: 'client12-openssl-rsa',
          part: { role, version: 'TLSv1.2', ciphers: [C.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], groups: [secp384r1] },
          kind: 'rsa-2048',
          program: 'openssl',
        } as const,
      ]
    : []),
])

const versions = {
  openssl: spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout.split(' ').slice(0, 2).join(' '),
  gnutls: `GnuTLS ${/\d+\.\d+\.\d+/.exec(spawnSync('gnutls-cli', ['--version'], { encoding: 'utf8' }).stdout)?.[0]}`,
}
try {
  const theirs = await makeAuthority({ name: 'Peer Authority' })
  for (const [index, flow] of flows.entries()) {
    const recording = await record(flow, theirs, index + 1)
    writeFileSync(join(folder, `${flow.name}.json`), `${JSON.stringify(recording, null, 1)}\n`)
    console.log(flow.name, recording.events.length, 'events')
  }
} finally {
  rmSync(work, { recursive: true })
}

async function record(flow: Flow, theirs: MadeCertificate, seed: number): Promise<Recording> {
  const { role } = flow.part
  const identity = await theirs.issue({ name: hostName, names: [hostName], keyKind: flow.kind ?? 'ecdsa-p256' })
  writeFileSync(join(work, 'peer.pem'), identity.certificate)
  writeFileSync(join(work, 'peer.key'), identity.key)
  const part: Part = {
    authenticatesClient: false,
    // A second later than the newest certificate began to be valid.
    timeMilliseconds: Math.floor(Date.now() / 1000) * 1000 + 1000,
    trusted: theirs.certificate,
    seed,
    ...flow.part,
  }
  const socket = role === 'client' ? await reachServer(flow, part) : await acceptClient(flow, part)
  const participant = new Participant(part)
  const events: ['in' | 'out', string][] = []
  const send = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return
    events.push(['out', Buffer.from(bytes).toString('base64')])
    socket.write(bytes)
  }
  send(participant.act())
  for await (const chunk of socket) {
    events.push(['in', (chunk as Buffer).toString('base64')])
    send(participant.take(chunk as Buffer))
    const { received } = participant
    // A client's close is answered by some peers and not by others; a server's part ends with the peer's close.
    if (role === 'client' && received.at(-1) === 0x0a) break
  }
  socket.destroy()
  const received = Buffer.from(participant.received).toString()
  const { facts } = participant.channel
  if (received.length < line.length || facts.cipherSuite === undefined || facts.group === undefined)
    throw new Error(`${flow.name} came to nothing: ${JSON.stringify(received)}`)
  const helloRetried = events.some(([, content]) => Buffer.from(content, 'base64').includes(retryRandom))
  return {
    peer: versions[flow.program],
    part,
    events,
    received,
    cipherSuite: facts.cipherSuite,
    group: facts.group,
    helloRetried,
  }
}

async function reachServer({ program, options = [] }: Flow, part: Part): Promise<Socket> {
  const port = await freePort()
  const path = (name: string): string => join(work, name)
  const child =
    program === 'openssl'
      ? spawn(
          'openssl',
          [
            ...[
              's_server',
              '-accept',
              `127.0.0.1:${port}`,
              '-cert',
              path('peer.pem'),
              '-key',
              path('peer.key'),
              '-rev',
            ],
            ...(part.authenticatesClient ? ['-Verify', '2', '-verify_return_error', '-CAfile', path('ours.pem')] : []),
            ...options,
          ],
          { stdio: 'ignore' },
        )
      : spawn(
          'gnutls-serv',
          [
            ...['--port', `${port}`, '--echo', '--x509certfile', path('peer.pem'), '--x509keyfile', path('peer.key')],
            ...(part.authenticatesClient
              ? ['--require-client-cert', '--verify-client-cert', '--x509cafile', path('ours.pem')]
              : ['--disable-client-cert']),
            ...options,
          ],
          { stdio: 'ignore' },
        )
  for (let attempt = 0; ; attempt++) {
    const socket = connect(port, '127.0.0.1')
    try {
      await once(socket, 'connect')
      socket.once('close', () => child.kill())
      return socket
    } catch (error) {
      if (attempt === 50) throw error
      await wait(100)
    }
  }
}

async function acceptClient({ program, options = [] }: Flow, part: Part): Promise<Socket> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const path = (name: string): string => join(work, name)
  const shows = part.authenticatesClient
  const child =
    program === 'openssl'
      ? spawn('openssl', [
          ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', hostName, '-CAfile', path('ours.pem')],
          ...['-verify_return_error', '-quiet', '-no_ign_eof', ...(part.version === 'TLSv1.2' ? ['-tls1_2'] : [])],
          ...(shows ? ['-cert', path('peer.pem'), '-key', path('peer.key')] : []),
          ...options,
        ])
      : spawn('gnutls-cli', [
          ...['--x509cafile', path('ours.pem'), '--sni-hostname', hostName, '--verify-hostname', hostName],
          ...(shows ? ['--x509certfile', path('peer.pem'), '--x509keyfile', path('peer.key')] : []),
          ...[`--priority=NORMAL:-VERS-ALL:+VERS-${part.version.replace('v', '')}`, '--port', `${port}`, '127.0.0.1'],
          ...options,
        ])
  child.stdin.write(line)
  // Its answer read, the client has no more to say; then it closes.
  child.stdout.on('data', (text) => {
    if (String(text).includes(line.trim())) child.stdin.end()
  })
  const [socket] = (await once(server, 'connection')) as [Socket]
  server.close()
  return socket
}
