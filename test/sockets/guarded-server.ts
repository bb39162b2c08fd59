/** A server in a process of its own, whose guard against replays is the parent's: what several machines would share over the network. */
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { backendNamed, Certificate, createServer, PrivateKey } from 'polytls'

export interface Setup {
  readonly backend: string
  readonly certificate: string
  readonly key: string
  readonly chain: readonly string[]
  readonly ticketKey: { readonly name: string; readonly secret: string }
}
/** What it tells its parent. */
export type Told =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'early'; readonly data: string }
  | { readonly kind: 'admit'; readonly question: number; readonly identifier: string }
/** What its parent answers. */
export interface Admitted {
  readonly question: number
  readonly isFirst: boolean
}

process.once('message', ({ backend, certificate, key, chain, ticketKey }: Setup) => {
  const tell = (told: Told): void => void process.send?.(told)
  let questions = 0
  const waiting = new Map<number, (isFirst: boolean) => void>()
  process.on('message', ({ question, isFirst }: Admitted) => waiting.get(question)?.(isFirst))
  const server = createServer({
    backend: backendNamed(backend),
    certificateChain: [
      {
        leaf: Certificate.fromBuffer(certificate),
        key: PrivateKey.fromBuffer(key),
        chain: chain.map((each) => Certificate.fromBuffer(each)),
      },
    ],
    maxEarlyDataBytes: 1000,
    sessions: {
      kind: 'stateless',
      ticketKeys: {
        current: () => [{ name: Buffer.from(ticketKey.name, 'hex'), secret: Buffer.from(ticketKey.secret, 'hex') }],
      },
    },
    replayGuard: {
      admit: (identifier) =>
        new Promise<boolean>((resolve) => {
          const question = ++questions
          waiting.set(question, resolve)
          tell({ kind: 'admit', question, identifier: Buffer.from(identifier).toString('hex') })
        }),
    },
  })
  server.on('earlyConnection', (socket) => {
    socket.on('error', () => {})
    socket.on('earlyData', (data: Uint8Array) => tell({ kind: 'early', data: Buffer.from(data).toString() }))
  })
  server.on('secureConnection', (socket) => socket.resume())
  server.on('tlsClientError', () => {})
  process.once('disconnect', () => process.exit())
  server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }))
})
