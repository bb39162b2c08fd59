import assert from 'node:assert/strict'
import {
  type ClientContext,
  type ClientOptions,
  type ContextEnvironment,
  type ServerContext,
  type ServerOptions,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  type VerifyPeer,
  type Waiting,
} from 'polytls'
import type { Pairing } from './backends.ts'
import { hostName } from './identities.ts'

export type Side = 'client' | 'server'

/** How far one side came: what its last step answered, or what it threw. */
export type Ending = 'done' | Waiting | Error

/** How many of the bytes on their way arrive in one piece. */
export type Fragmentation = (available: number) => number

export const inOnePiece: Fragmentation = (available) => available
export const byteByByte: Fragmentation = () => 1

export interface ConnectionOptions {
  readonly client?: ClientOptions
  readonly server: ServerOptions
  /** What the client calls the server; `null` for no name. */
  readonly serverName?: string | null
  readonly clientEnvironment?: ContextEnvironment
  readonly serverEnvironment?: ContextEnvironment
  readonly fragmentation?: Fragmentation
}

/** A client and a server in memory, with the wire between them in the hands of the test. Nothing moves by itself. */
export class Connection {
  readonly client: TLSBuffer
  readonly server: TLSBuffer
  readonly #fragmentation: Fragmentation
  readonly #wires: readonly [Wire, Wire]

  constructor(client: TLSBuffer, server: TLSBuffer, fragmentation: Fragmentation = inOnePiece) {
    this.client = client
    this.server = server
    this.#fragmentation = fragmentation
    this.#wires = [new Wire(client, server), new Wire(server, client)]
  }

  /** Takes the handshake as far as it goes without anybody answering a pause. */
  advance(): { readonly client: Ending; readonly server: Ending } {
    const endings = { client: step(() => this.client.handshake()), server: step(() => this.server.handshake()) }
    for (let moved = true; moved; ) {
      moved = false
      for (const [index, receiver] of (['server', 'client'] as const).entries()) {
        while (this.#wires[index]?.carry(this.#fragmentation)) {
          moved = true
          if (typeof endings[receiver] !== 'string') break
          endings[receiver] = step(() => this[receiver].handshake())
        }
      }
    }
    return endings
  }

  /**
   * The whole handshake, in which each side's `verifyPeer` is asked as a socket would ask it. Where one side refused, the other learns of
   * it only when it reads, so a side that was done answers here what its `read` does.
   */
  async negotiate(): Promise<{ readonly client: Ending; readonly server: Ending }> {
    let endings = this.advance()
    for (let paused = pausedSides(endings); paused.length > 0; paused = pausedSides(endings)) {
      for (const side of paused) await answerVeto(this[side])
      endings = this.advance()
    }
    const settled = (side: Side, other: Side): Ending => {
      if (endings[side] !== 'done' || endings[other] === 'done') return endings[side]
      const waiting = step(() => {
        const read = this[side].read(1)
        return typeof read === 'string' ? read : 'done'
      })
      this.flow()
      return waiting
    }
    return { client: settled('client', 'server'), server: settled('server', 'client') }
  }

  /** The whole handshake, which has to succeed on both sides. */
  async establish(): Promise<this> {
    const endings = await this.negotiate()
    for (const ending of Object.values(endings)) if (ending instanceof Error) throw ending
    assert.deepEqual(endings, { client: 'done', server: 'done' })
    return this
  }

  /** Moves what is waiting in both directions until nothing is left or nobody takes it. */
  flow(): void {
    while (this.#wires.some((wire) => wire.carry(this.#fragmentation))) {
      // Each round moves one piece.
    }
  }

  /** Sends data from one side and answers what the other reads; both directions flow as needed. */
  transfer(from: Side, data: Uint8Array): Buffer {
    const [sender, receiver] = from === 'client' ? [this.client, this.server] : [this.server, this.client]
    const received: Uint8Array[] = []
    for (let sent = 0, arrived = 0; arrived < data.byteLength; ) {
      const before = sent + arrived
      if (sent < data.byteLength) {
        const taken = sender.write(data.subarray(sent))
        if (typeof taken === 'number') sent += taken
      }
      this.flow()
      for (let read = receiver.read(65_536); typeof read !== 'string'; read = receiver.read(65_536)) {
        received.push(read)
        arrived += read.byteLength
        this.flow()
      }
      assert.ok(
        sent + arrived > before,
        `nothing moves any more: ${sent} sent, ${arrived} of ${data.byteLength} arrived`,
      )
    }
    return Buffer.concat(received)
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]()
    this.server[Symbol.dispose]()
  }
}

/** Both sides' contexts, to make connections from. */
export interface Contexts {
  readonly client: ClientContext
  readonly server: ServerContext
}

export function contextsFor(
  { clientBackend, serverBackend }: Pairing,
  { client = {}, server, clientEnvironment, serverEnvironment }: ConnectionOptions,
): Contexts {
  return {
    client: clientBackend.clientContext(new TLSClientConfiguration(client), clientEnvironment),
    server: serverBackend.serverContext(new TLSServerConfiguration(server), serverEnvironment),
  }
}

/** A new connection whose handshake has not begun. */
export function connectionOf(
  { client, server }: Contexts,
  { serverName = hostName, fragmentation }: Pick<ConnectionOptions, 'serverName' | 'fragmentation'> = {},
): Connection {
  return new Connection(client.createBuffer(serverName ?? undefined), server.createBuffer(), fragmentation)
}

/** A new connection of contexts of its own. */
export function connectionBetween(pairing: Pairing, options: ConnectionOptions): Connection {
  return connectionOf(contextsFor(pairing, options), options)
}

/** What a call answered or threw, as a value. */
export function step<T>(call: () => T): T | Error {
  try {
    return call()
  } catch (thrown) {
    assert.ok(thrown instanceof Error, `not an Error was thrown: ${String(thrown)}`)
    return thrown
  }
}

/** Asks the application's `verifyPeer` and gives its answer to the channel, as every driver does. */
export async function answerVeto(channel: TLSBuffer): Promise<void> {
  const request = channel.pause
  assert.equal(request?.kind, 'verify-peer')
  const verifyPeer = channel.context.configuration.verifyPeer as VerifyPeer
  try {
    channel.resume(await verifyPeer(request.peer))
  } catch (failed) {
    channel.resume({ failed })
  }
}

function pausedSides(endings: { readonly client: Ending; readonly server: Ending }): readonly Side[] {
  return (['client', 'server'] as const).filter((side) => endings[side] === 'paused')
}

/** One direction: keeps what the receiver did not take. */
class Wire {
  readonly #from: TLSBuffer
  readonly #to: TLSBuffer
  #underway: Uint8Array = new Uint8Array(0)

  constructor(from: TLSBuffer, to: TLSBuffer) {
    this.#from = from
    this.#to = to
  }

  /** Moves one piece; answers whether any byte was taken. A receiver that failed takes no more, which is no failure of the wire. */
  carry(fragmentation: Fragmentation): boolean {
    if (this.#underway.byteLength === 0) this.#underway = this.#from.processOutgoing()
    if (this.#underway.byteLength === 0) return false
    const length = Math.max(1, Math.min(fragmentation(this.#underway.byteLength), this.#underway.byteLength))
    const taken = step(() => this.#to.processIncoming(this.#underway.subarray(0, length)))
    if (typeof taken !== 'number' || taken === 0) return false
    this.#underway = this.#underway.subarray(taken)
    return true
  }
}
