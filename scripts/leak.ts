import { createRequire } from 'node:module'
import process, { memoryUsage, stdout } from 'node:process'
import { setImmediate } from 'node:timers/promises'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type Backend,
  backendNamed,
  Certificate,
  defaultBackend,
  PrivateKey,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { readOptions, refuse, wholeNumber } from './options.ts'

/**
 * Makes many connections in memory, one after the other, in one process, and looks whether memory grows: a table of the resident set at
 * every tenth, and exit code 1 where it is not flat over the second half.
 */
const usage = 'npm run leak -- [connections, default 100000] [backend of the client, default the default backend]'
const { positionals } = readOptions(usage, {}, true)
const [connections = '100000', backendName, ...others] = positionals
if (others.length > 0) refuse(usage, `too many words: ${others.join(' ')}`)
const total = wholeNumber(usage, 'connections', connections, 10)

/**
 * How much the resident set, V8's young generation apart, may grow over the second half. In the first, caches and the heap find their size,
 * which says nothing about connections. What allocators keep comes and goes by some 5 MiB; a connection of any backend that is never freed
 * takes 8 kB at least, which shows in 1,500 of them.
 */
const allowedGrowthBytes = 11 * 1024 * 1024
/** Those that Node's own threads and timers come and go with. */
const allowedHandleGrowth = 10
let countOnWindows: (() => number) | undefined

// Without garbage that was not collected yet, which would hide a leak or look like one.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const backend = backendName === undefined ? defaultBackend() : backendNamed(backendName)
const servingBackend = backend.capabilities.roles.includes('server') ? backend : defaultBackend()
const hasSessions = backend.capabilities.features.has('early-data')
const contexts = await makeContexts()

const mebibytes = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1).padStart(10)
stdout.write(`${backend.name} (${backend.version}), Node ${process.version}, ${total} connections\n`)
stdout.write('connections    rss MiB  young MiB   heap MiB   ext. MiB  per second\n')

const readings: number[] = []
const handles: number[] = []
let since = performance.now()
for (let count = 1; count <= total; count++) {
  connectAndTalk(count)
  // Finalizers run between tasks only.
  if (count % 100 === 0) await setImmediate()
  if (count % Math.ceil(total / 10) !== 0 && count !== total) continue
  // Twice, for what the first finds forgotten is freed between the two.
  collect()
  await setImmediate()
  collect()
  const { rss, heapUsed, external } = memoryUsage()
  handles.push(countHandles())
  // V8 gives its young generation more room as it likes, which says nothing about connections.
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.physical_space_size ?? 0
  readings.push(rss - young)
  const rate = Math.round((total / 10 / (performance.now() - since)) * 1000)
  stdout.write(
    `${String(count).padStart(11)} ${mebibytes(rss)} ${mebibytes(young)} ${mebibytes(heapUsed)} ${mebibytes(external)}  ${String(rate).padStart(10)}\n`,
  )
  since = performance.now()
}

const half = Math.floor(readings.length / 2) - 1
const growth = (readings.at(-1) as number) - (readings[half] as number)
const handleGrowth = (handles.at(-1) as number) - (handles[half] as number)
const isFlat = growth <= allowedGrowthBytes && handleGrowth <= allowedHandleGrowth
stdout.write(
  `growth over the second half: ${mebibytes(growth).trim()} MiB (${Math.round(growth / (total / 2))} bytes a connection): ${isFlat ? 'flat' : 'NOT FLAT'}\n`,
)
if (process.platform === 'win32')
  stdout.write(
    `handles of the process: ${handles[0] === 0 ? 'not counted by this Windows (Wine)' : `${handles[half]} at the half, ${handles.at(-1)} at the end`}\n`,
  )
process.exitCode = isFlat ? 0 : 1

/** On Windows, how many handles this process holds; elsewhere there are none. */
function countHandles(): number {
  if (process.platform !== 'win32') return 0
  countOnWindows ??= bindHandleCount()
  return countOnWindows()
}

function bindHandleCount(): () => number {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  const kernel = koffi.load('kernel32.dll')
  const getCurrentProcess = kernel.func('void *GetCurrentProcess()')
  const getProcessHandleCount = kernel.func('int GetProcessHandleCount(void *process, void *count)')
  return () => {
    const count = Buffer.alloc(4)
    if (getProcessHandleCount(getCurrentProcess(), count) === 0) throw new Error('GetProcessHandleCount failed')
    return count.readUInt32LE(0)
  }
}

/**
 * One connection with everything that has native state behind it: choice by name, ALPN, client certificate, key log, sessions (every
 * other connection resumes one, some with early data, which may be a copy), new keys, data, closing.
 */
function connectAndTalk(count: number): void {
  const resumes = hasSessions && count % 2 === 0
  const client = contexts.client.createBuffer('server.test', {
    service: resumes ? undefined : `never ${count % 10}`,
    ...(resumes && count % 4 === 0 && { earlyData: Buffer.from('early') }),
  })
  const server = contexts.server.createBuffer()
  shakeHands(client, server)
  const message = Buffer.from(`message ${count}`)
  if (hasSessions && count % 5 === 0) client.updateKeys({ requestPeer: true })
  client.write(message)
  move(client, server)
  const read = server.read(100)
  if (typeof read === 'string' || !message.equals(read)) throw new Error('the message did not arrive')
  if (!client.facts.verified || !server.facts.verified) throw new Error('a peer was not verified')
  if (resumes && count > 10 && !client.facts.resumed) throw new Error('the session was not resumed')
  if (hasSessions) {
    if (count % 7 === 0) server.sendTicket()
    move(server, client)
    client.read(100)
    client.takeSessions()
  }
  // Some end without a word, as peers do.
  if (count % 3 !== 0) {
    client.shutdown()
    server.shutdown()
    move(client, server)
    move(server, client)
    client.shutdown()
  }
  client[Symbol.dispose]()
  server[Symbol.dispose]()
}

function shakeHands(client: TLSBuffer, server: TLSBuffer): void {
  for (let round = 0; round < 10; round++) {
    const endings = [client.handshake(), server.handshake()]
    if (endings.every((each) => each === 'done')) return
    move(client, server)
    move(server, client)
  }
  throw new Error('the handshake did not end')
}

function move(from: TLSBuffer, to: TLSBuffer): void {
  const ciphertext = from.processOutgoing()
  if (ciphertext.byteLength > 0) to.processIncoming(ciphertext)
}

async function makeContexts() {
  // Wine does not verify every signature by ECDSA.
  const root = await makeAuthority({ name: 'Root', keyKind: 'rsa-2048' })
  const [identity, other, own] = [
    await root.issue({ name: 'Server', names: ['server.test'] }),
    await root.issue({ name: 'Other', names: ['other.test'] }),
    await root.issue({ name: 'Client', keyKind: 'rsa-2048' }),
  ]
  const chainOf = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
    leaf: Certificate.fromBuffer(certificate),
    key: PrivateKey.fromBuffer(key),
  })
  const trustStore = TrustStore.fromBuffer(root.certificate)
  const common = { trustStore, innerProtocols: ['inner'] }
  const keyLogOf = ({ capabilities }: Backend) => (capabilities.features.has('key-log') ? { keyLog: () => {} } : {})
  return {
    client: backend.clientContext(
      new TLSClientConfiguration({ ...common, ...keyLogOf(backend), certificateChain: chainOf(own) }),
    ),
    server: servingBackend.serverContext(
      new TLSServerConfiguration({
        ...common,
        ...keyLogOf(servingBackend),
        certificateChain: [chainOf(other), chainOf(identity)],
        clientAuthentication: 'required',
        ...(hasSessions && { maxEarlyDataBytes: 100 }),
      }),
    ),
  }
}
