/**
 * `npm run bench`: polytls beside `node:tls`, in one run on one Node. Every
 * figure is the median of repetitions that take turns, so that what else the machine does falls on all alike. Both sides use TLS 1.3
 * with TLS_AES_128_GCM_SHA256 and X25519, contexts prepared once, and verify certificates. Figures vary with the machine; ratios less so.
 * `portable-noble` is the portable backend with cryptography in JavaScript; it is measured where it is named.
 */
import { createPrivateKey } from 'node:crypto'
import { stdout } from 'node:process'
import * as tls from 'node:tls'
import { type Backend, backends, SignatureScheme, TLSClientConfiguration, TrustStore } from 'polytls'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { loadSystemTrust } from '#polytls/trust/system.js'
import { oneOf, readOptions, refuse } from '../scripts/options.ts'
import { startChild } from './child-process.js'
import { channelHandshakesPerSecond, nodeHandshakesPerSecond } from './in-memory.js'
import { handshakeCryptoMilliseconds, recordMicroseconds } from './limits.js'
import { backendFor, type Credentials, nodeTls, nodeTlsPerConnection, polytls, rawTCP, type Stack } from './stacks.js'
import { handshakesPerSecond, megabytesPerSecond, megabytesTo, roundTripMicroseconds } from './workloads.js'

interface Row {
  readonly name: string
  readonly backend: string
  readonly value: number
  readonly unit: string
  readonly nodeTls: number
  /** `value` over `nodeTls`: of speeds more is better, of times and memory less is. */
  readonly ratio: number
  /** What TCP and the bare ciphers allow on this machine, together. */
  readonly limit: number | undefined
  readonly limitRatio: number | undefined
}

const usage = 'npm run bench -- [--quick] [--json] [--only NAME] [--backends NAME,…]'
const { values: options } = readOptions(usage, {
  quick: { type: 'boolean' },
  json: { type: 'boolean' },
  only: { type: 'string' },
  backends: { type: 'string' },
})
const backendNames = [...backends.map(({ name }) => name), 'portable-noble']
const repetitions = options.quick ? 3 : 7
const scale = options.quick ? 0.3 : 1
const available =
  options.backends?.split(',').map((name) => backendFor(oneOf(usage, '--backends', name, backendNames))) ??
  backends.filter((backend) => backend.available.yes && backend.name !== 'openssl-system')

const rows: Row[] = []
for (const kind of ['ecdsa-p256', 'rsa-2048'] as const) {
  const authority = await makeAuthority({ name: 'bench authority', keyKind: kind })
  const credentials = {
    authority,
    server: await authority.issue({ name: 'bench', names: ['localhost', '127.0.0.1'], keyKind: kind }),
  }
  await measureHandshakes(kind, credentials)
  if (kind !== 'ecdsa-p256') continue
  await measureTransfers(credentials)
  await measureRoundTrips(credentials)
  await measureMemory(credentials)
}
await measureContexts()
await measureImport()
if (rows.length === 0) refuse(usage, `--only: nothing is measured whose name has ${options.only}`)
if (options.json) stdout.write(`${JSON.stringify(rows, null, 2)}\n`)
else printTable()

async function measureHandshakes(kind: string, credentials: Credentials): Promise<void> {
  const count = Math.round(600 * scale)
  const limit =
    1000 / (handshakeCryptoMilliseconds(credentials, 200) + 1000 / (await handshakesPerSecond(rawTCP, 2000)))
  await compare(
    `handshakes over TCP, ${kind}`,
    '1/s',
    stacks(credentials),
    (stack) => handshakesPerSecond(stack, count),
    limit,
  )
  if (kind === 'ecdsa-p256') {
    const perConnection = { ...contenders(credentials), baseline: nodeTlsPerConnection(credentials) }
    await compare('handshakes over TCP, beside node:tls with ca given per connection', '1/s', perConnection, (stack) =>
      handshakesPerSecond(stack, count),
    )
  }
  const inMemory = new Map<string, () => number | Promise<number>>([
    ['node:tls', () => nodeHandshakesPerSecond(credentials, count)],
    ...ableToSign(credentials).map(
      (backend) => [backend.name, () => channelHandshakesPerSecond(backend, credentials, count)] as const,
    ),
  ])
  await compareRuns(
    `handshakes in memory, ${kind}`,
    '1/s',
    inMemory,
    1000 / handshakeCryptoMilliseconds(credentials, 200),
  )
  const resumed = new Map<string, () => number | Promise<number>>([
    ['node:tls', () => nodeHandshakesPerSecond(credentials, count, 'resumed')],
    ...ableToSign(credentials)
      .filter(({ capabilities }) => capabilities.features.has('sessions'))
      .map((each) => [each.name, () => channelHandshakesPerSecond(each, credentials, count, 'resumed')] as const),
  ])
  await compareRuns(`resumed handshakes in memory, ${kind}`, '1/s', resumed)
}

async function measureTransfers(credentials: Credentials): Promise<void> {
  const megabytes = Math.round(400 * scale)
  const length = 16_384
  const { sealing, opening } = recordMicroseconds(length, (megabytes * 1e6) / length)
  // Bytes a microsecond are megabytes a second.
  const withCiphers = (tcp: number, microseconds: number): number => 1 / (1 / tcp + microseconds / length)
  for (const direction of ['up', 'down'] as const) {
    await compare(
      `bulk ${direction}, one process`,
      'MB/s',
      stacks(credentials),
      (stack) => megabytesPerSecond(stack, direction, megabytes),
      withCiphers(await megabytesPerSecond(rawTCP, direction, megabytes), sealing + opening),
    )
    const betweenProcesses = async (stack: Stack): Promise<number> => {
      using server = await startChild('serve', stack.name, direction, credentials)
      return await megabytesTo(stack, (server.answer as { port: number }).port, direction, megabytes)
    }
    // With a process for each end, encrypting and decrypting take place at the same time.
    await compare(
      `bulk ${direction}, two processes`,
      'MB/s',
      stacks(credentials),
      betweenProcesses,
      withCiphers(await betweenProcesses(rawTCP), Math.max(sealing, opening)),
    )
  }
}

async function measureRoundTrips(credentials: Credentials): Promise<void> {
  const nameOf = (quantile: string): string => `round trip of 64 bytes, ${quantile}`
  const quantiles = (['p50', 'p99'] as const).filter((quantile) => isWanted(nameOf(quantile)))
  if (quantiles.length === 0) return
  const count = Math.round(10_000 * scale)
  const { sealing, opening } = recordMicroseconds(64, 20_000)
  const bare = await roundTripMicroseconds(rawTCP, count)
  const samples = new Map<Stack, { p50: number; p99: number }[]>()
  const { baseline, others } = stacks(credentials)
  for (let round = 0; round < repetitions; round++) {
    for (const stack of [baseline, ...others]) {
      samples.set(stack, [...(samples.get(stack) ?? []), await roundTripMicroseconds(stack, count)])
    }
  }
  for (const quantile of quantiles) {
    const at = (stack: Stack): number => median((samples.get(stack) ?? []).map((each) => each[quantile]))
    for (const stack of others)
      add(nameOf(quantile), stack.name, 'µs', at(stack), at(baseline), bare[quantile] + 2 * (sealing + opening))
  }
}

async function measureMemory(credentials: Credentials): Promise<void> {
  const count = Math.round(1000 * scale)
  const runs = new Map(
    ['node:tls', ...available.map((backend) => backend.name)].map((name) => [
      name,
      async () => {
        using child = await startChild('idle-memory', name, String(count), credentials)
        return child.answer as number
      },
    ]),
  )
  using bare = await startChild('idle-memory', 'tcp', String(count), credentials)
  // Of few connections what TCP takes can fit into what was free before.
  const limit = (bare.answer as number) > 0 ? (bare.answer as number) : undefined
  await compareRuns('memory of an idle connection, both ends', 'kB', runs, limit, 3)
}

async function measureContexts(): Promise<void> {
  const ca = loadSystemTrust().map((each) => Buffer.from(each).toString())
  const configuration = (): TLSClientConfiguration => new TLSClientConfiguration({ trustStore: TrustStore.system() })
  const time = (make: () => unknown) => (): number => {
    const start = performance.now()
    for (let made = 0; made < 10; made++) make()
    return (performance.now() - start) / 10
  }
  const runs = new Map([['node:tls', time(() => tls.createSecureContext({ ca }))]])
  for (const backend of available)
    runs.set(
      backend.name,
      time(() => backend.clientContext(configuration())),
    )
  await compareRuns("context with the system's authorities", 'ms', runs)
}

async function measureImport(): Promise<void> {
  const load = (name: string) => async (): Promise<number> => {
    using child = await startChild('import', name, '')
    return child.answer as number
  }
  const runs = new Map([
    ['node:tls', load('node:tls')],
    ['polytls', load('polytls')],
  ])
  await compareRuns('import', 'ms', runs)
}

function isWanted(name: string): boolean {
  return options.only === undefined || name.includes(options.only)
}

interface Contenders {
  readonly baseline: Stack
  readonly others: readonly Stack[]
}

function stacks(credentials: Credentials): Contenders {
  return { baseline: nodeTls(credentials), ...contenders(credentials) }
}

function contenders(credentials: Credentials): { readonly others: readonly Stack[] } {
  return { others: ableToSign(credentials).map((backend) => polytls(backend, credentials)) }
}

/** The noble provider makes no signatures of RSA. */
function ableToSign({ server }: Credentials): readonly Backend[] {
  const isRSA = createPrivateKey(server.key).asymmetricKeyType === 'rsa'
  const scheme = isRSA ? SignatureScheme.rsa_pss_rsae_sha256 : SignatureScheme.ecdsa_secp256r1_sha256
  return available.filter(({ capabilities }) => capabilities.signingSchemes.includes(scheme))
}

function compare(
  name: string,
  unit: string,
  { baseline, others }: Contenders,
  measure: (stack: Stack) => Promise<number>,
  limit?: number,
): Promise<void> {
  const runs = new Map([
    ['node:tls', () => measure(baseline)],
    ...others.map((stack) => [stack.name, () => measure(stack)] as const),
  ])
  return compareRuns(name, unit, runs, limit)
}

/** Lets all take turns, the baseline under the name `node:tls` first, and adds a row for each of the others. */
async function compareRuns(
  name: string,
  unit: string,
  runs: ReadonlyMap<string, () => number | Promise<number>>,
  limit?: number,
  rounds: number = repetitions,
): Promise<void> {
  if (!isWanted(name)) return
  const samples = new Map<string, number[]>()
  // What does not count: V8 compiles what is hot, and what is measured is a program that has been running. Handshakes, of which a round has
  // few, want as many in either mode.
  const warmUps = unit === '1/s' ? Math.round(1 / scale) : 1
  for (let round = 0; round < warmUps; round++) for (const run of runs.values()) await run()
  for (let round = 0; round < rounds; round++) {
    for (const [who, run] of runs) samples.set(who, [...(samples.get(who) ?? []), await run()])
  }
  const baseline = median(samples.get('node:tls') ?? [])
  for (const [who, values] of samples) if (who !== 'node:tls') add(name, who, unit, median(values), baseline, limit)
}

function add(
  name: string,
  backend: string,
  unit: string,
  value: number,
  nodeTls: number,
  limit: number | undefined,
): void {
  const round = (number: number): number => Number(number.toPrecision(4))
  const limitRatio = limit === undefined ? undefined : round(value / limit)
  rows.push({
    name,
    backend,
    value: round(value),
    unit,
    nodeTls: round(nodeTls),
    ratio: round(value / nodeTls),
    limit: limit && round(limit),
    limitRatio,
  })
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function printTable(): void {
  const width = Math.max(...rows.map(({ name }) => name.length))
  const line = (...cells: readonly string[]): string =>
    [cells[0]?.padEnd(width), ...cells.slice(1).map((cell) => cell.padStart(10))].join('  ')
  stdout.write(`${line('', 'backend', 'value', 'unit', 'node:tls', 'ratio', 'limit', 'of limit')}\n`)
  for (const { name, backend, value, unit, nodeTls, ratio, limit, limitRatio } of rows) {
    const cells = [
      backend,
      String(value),
      unit,
      String(nodeTls),
      `${ratio.toFixed(2)} ×`,
      String(limit ?? ''),
      limitRatio === undefined ? '' : `${limitRatio.toFixed(2)} ×`,
    ]
    stdout.write(`${line(name, ...cells)}\n`)
  }
}
