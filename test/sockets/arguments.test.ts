import assert from 'node:assert/strict'
import * as net from 'node:net'
import { after, before, describe, test } from 'node:test'
import {
  connect,
  createConnection,
  createServer,
  openTunnel,
  startTls,
  startTlsServer,
  UpgradableSocket,
  upgrade,
} from 'polytls'
import { matching } from '../support/identities.ts'
import { type Call, type Kind, objects, type Place, refusesWhatIsOfNoUse } from '../support/wrong-arguments.ts'
import { host, portOf } from './peers.ts'

const { client, server } = await matching()

const signal: Place = { path: [0, 'signal'], fits: ['undefined'] }
const halfOpen: Place = { path: [0, 'allowHalfOpen'], fits: ['undefined', 'true'] }
const optionalObject = ['undefined', ...objects] as const
const proxy = (fits: readonly Kind[]): readonly Place[] => [
  { path: [0, 'proxy'], fits },
  { path: [0, 'proxy', 'url'] },
  { path: [0, 'proxy', 'trace'], fits: ['undefined', 'a function'] },
  { path: [0, 'proxy', 'dialogueTimeoutMilliseconds'], fits: ['undefined'] },
]
const ofConversations = (options: number): readonly Place[] => [
  { path: [options, 'signal'], fits: ['undefined'] },
  { path: [options, 'allowHalfOpen'], fits: ['undefined', 'true'] },
  { path: [options, 'trace'], fits: ['undefined', 'a function'] },
  { path: [options, 'dialogueTimeoutMilliseconds'], fits: ['undefined'] },
  { path: [options, 'dialogue'], fits: optionalObject },
]

let silent: net.Server
const open = new Set<net.Socket>()
before(async () => {
  silent = net.createServer((socket) => void socket.on('error', () => {}).resume()).listen(0, host)
  await new Promise((resolve) => silent.once('listening', resolve))
})
after(() => {
  for (const each of open) each.destroy()
  silent.close()
})
const stream = (): net.Socket => {
  const made = net.connect(portOf(silent), host).on('error', () => {})
  open.add(made)
  return made
}
const abort = () => AbortSignal.timeout(2_000)

const destination = () => ({ host, port: portOf(silent), signal: abort(), ...client })
const places: readonly Place[] = [
  { path: [0] },
  { path: [0, 'host'], fits: ['text'] },
  { path: [0, 'port'] },
  { path: [0, 'serverName'], fits: ['undefined', 'text'] },
  { path: [0, 'transport'], fits: optionalObject },
  { path: [0, 'context'], fits: ['undefined'] },
  { path: [0, 'service'], fits: ['undefined', 'text', 'an empty text'] },
  { path: [0, 'session'], fits: ['undefined'] },
  { path: [0, 'earlyData'], fits: ['undefined'] },
  signal,
  halfOpen,
]
const throughProxy = () => ({
  ...destination(),
  proxy: { url: `http://${host}:1`, dialogueTimeoutMilliseconds: 50 },
})

const calls: readonly Call[] = [
  {
    name: 'connect',
    call: connect,
    base: () => [destination()],
    places: [...places, { path: [0, 'proxy'], fits: ['undefined'] }],
  },
  { name: 'createConnection', call: createConnection, base: () => [destination()], places },
  {
    name: 'connect through a proxy',
    call: connect,
    base: () => [throughProxy()],
    places: [...places.filter(({ path }) => path[1] !== 'context'), ...proxy(['undefined'])],
  },
  {
    name: 'openTunnel',
    call: openTunnel,
    base: () => [
      { host, port: 1, proxy: { url: `http://${host}:${portOf(silent)}`, dialogueTimeoutMilliseconds: 50 } },
    ],
    places: [{ path: [0] }, { path: [0, 'host'], fits: ['text'] }, { path: [0, 'port'] }, signal, ...proxy([])],
  },
  {
    name: 'createServer',
    call: createServer,
    base: () => [{ ...server }],
    places: [
      { path: [0] },
      { path: [0, 'maxConcurrentHandshakes'], fits: ['undefined'] },
      halfOpen,
      { path: [0, 'context'], fits: ['undefined'] },
      { path: [1], name: 'onSecureConnection', fits: ['undefined', 'a function'] },
    ],
  },
  {
    name: 'shutdown',
    call: (...parameters) => createServer({ ...server }).shutdown(...parameters),
    base: () => [{ timeoutMilliseconds: 1 }],
    places: [
      { path: [0], fits: ['undefined', ...objects] },
      { path: [0, 'timeoutMilliseconds'], fits: ['undefined', 'zero'] },
    ],
  },
  {
    name: 'upgrade',
    call: upgrade,
    base: () => [stream(), { ...client, serverName: 'server.test', signal: abort() }],
    places: [
      { path: [0], name: 'stream' },
      { path: [1] },
      { path: [1, 'isServer'], fits: ['undefined', 'true'] },
      { path: [1, 'serverName'], fits: ['undefined', 'text'] },
      { path: [1, 'signal'], fits: ['undefined'] },
      { path: [1, 'allowHalfOpen'], fits: ['undefined', 'true'] },
    ],
  },
  {
    name: 'upgrade as a server',
    call: upgrade,
    base: () => [stream(), { ...server, isServer: true, signal: abort() }],
    places: [
      { path: [1, 'signal'], fits: ['undefined'] },
      { path: [1, 'allowHalfOpen'], fits: ['undefined', 'true'] },
    ],
  },
  {
    name: 'startTls',
    call: startTls as never,
    base: () => [stream(), 'smtp', { ...client, serverName: 'server.test', signal: abort() }],
    places: [
      { path: [0], name: 'stream' },
      { path: [1], name: 'protocol' },
      { path: [2] },
      { path: [2, 'serverName'], fits: ['undefined', 'text'] },
      { path: [2, 'opportunistic'], fits: ['undefined', 'true'] },
      { path: [2, 'reconnect'], fits: ['undefined'] },
      ...ofConversations(2),
    ],
  },
  {
    name: 'startTlsServer',
    call: startTlsServer as never,
    base: () => [stream(), 'imap', { ...server, signal: abort() }],
    places: [
      { path: [0], name: 'stream' },
      { path: [1], name: 'protocol' },
      { path: [2] },
      { path: [2, 'opportunistic'], fits: ['undefined', 'true'] },
      ...ofConversations(2),
    ],
  },
  {
    name: 'UpgradableSocket.upgrade',
    call: (...parameters) => upgradable().upgrade(...(parameters as [never])),
    base: () => [{ ...client, serverName: 'server.test', signal: abort() }],
    places: [{ path: [0] }, signal],
  },
  {
    name: 'UpgradableSocket.startTls',
    call: (...parameters) => upgradable().startTls(...(parameters as [never, never])),
    base: () => ['smtp', { ...client, serverName: 'server.test', signal: abort() }],
    places: [{ path: [0], name: 'protocol' }, { path: [1] }, { path: [1, 'signal'], fits: ['undefined'] }],
  },
]

describe('arguments that are of no use are refused by name, at once, and nothing is left running', () => {
  refusesWhatIsOfNoUse(calls)

  test('whom to expect has to be said, if only by undefined', async () => {
    const { signal: _, ...options } = { ...client, signal: undefined }
    await assert.rejects(upgrade(stream(), options as never), /serverName/)
    await assert.rejects(startTls(stream(), 'smtp', options as never), /serverName/)
  })
})

function upgradable(): UpgradableSocket {
  const socket = new UpgradableSocket(stream())
  socket.on('error', () => {})
  return socket
}
