import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** What happens to the bytes of one direction. */
export interface Treatment {
  /** How many bytes pass before the receiver sees the connection end. Default: all. */
  readonly passBytes?: number
  /** How it ends then: as if the sender had closed it, or as if the sender's machine knew nothing of it any more. Default: closed. */
  readonly ending?: 'closed' | 'reset'
  /** Where in what the sender has sent so far that begins which never arrives, though the connection stays. Default: nowhere. */
  readonly heldBackFrom?: (sent: Buffer) => number
  /** Every byte arrives alone. */
  readonly byteByByte?: boolean
}

/** Somebody between a client and a server on this machine, who sees every byte and may let it pass or not. */
export class Intermediary implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** How the next connection is treated. */
  toClient: Treatment = {}
  toServer: Treatment = {}
  /** What has passed on the last connection. */
  passedToClient: Buffer = Buffer.alloc(0)
  passedToServer: Buffer = Buffer.alloc(0)

  private constructor(targetPort: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#mediate(client, targetPort))
  }

  static async start(targetPort: number): Promise<Intermediary> {
    const intermediary = new Intermediary(targetPort)
    intermediary.#server.listen(0, '127.0.0.1')
    await once(intermediary.#server, 'listening')
    return intermediary
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** How many of its sockets, to either side, are open. */
  get open(): number {
    return this.#sockets.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #mediate(client: Socket, targetPort: number): void {
    const server = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      this.#sockets.add(socket)
      // Whoever is cut off may complain; what matters is what the side under test says.
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    }
    this.passedToClient = Buffer.alloc(0)
    this.passedToServer = Buffer.alloc(0)
    void pass(server, client, this.toClient, (bytes) => {
      this.passedToClient = Buffer.concat([this.passedToClient, bytes])
    })
    void pass(client, server, this.toServer, (bytes) => {
      this.passedToServer = Buffer.concat([this.passedToServer, bytes])
    })
  }
}

/** Lets the bytes of one direction pass, one after the other where that is wished. */
async function pass(
  from: Socket,
  to: Socket,
  { passBytes = Number.POSITIVE_INFINITY, ending = 'closed', heldBackFrom = nowhere, byteByByte = false }: Treatment,
  passed: (bytes: Buffer) => void,
): Promise<void> {
  let left = passBytes
  let sent = Buffer.alloc(0)
  const cut = (): void => {
    from.destroy()
    if (ending === 'reset') to.resetAndDestroy()
    else to.end(() => to.destroy())
  }
  if (left === 0) {
    // Not before the sender has something to say, so that the receiver is at work.
    from.once('data', cut)
    from.once('end', cut)
    return
  }
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      const before = sent.byteLength
      sent = Buffer.concat([sent, chunk])
      const allowed = chunk.subarray(0, Math.min(left, Math.max(0, heldBackFrom(sent) - before)))
      left -= allowed.byteLength
      passed(allowed)
      for (let at = 0; at < allowed.byteLength; at += byteByByte ? 1 : allowed.byteLength) {
        const piece = byteByByte ? allowed.subarray(at, at + 1) : allowed
        await new Promise<void>((resolve) => to.write(piece, () => setImmediate(resolve)))
      }
      if (left === 0) {
        cut()
        return
      }
    }
    to.end()
  } catch {
    // The sender has broken off.
    to.destroy()
  }
}

const nowhere = (): number => Number.POSITIVE_INFINITY

/** Where the records of one direction begin and end. RFC 9846, Section 5.1. */
export function recordBoundaries(flight: Buffer): readonly number[] {
  const boundaries = [0]
  for (let at = 0; at + 5 <= flight.byteLength; ) {
    at += 5 + flight.readUInt16BE(at + 3)
    boundaries.push(at)
  }
  return boundaries
}

/** Where the first record of protected data ends; nowhere, while none has begun. */
export function endOfFirstProtectedRecord(flight: Buffer): number {
  const boundaries = recordBoundaries(flight)
  const first = boundaries.findIndex((boundary) => flight[boundary] === applicationData)
  return (first < 0 ? undefined : boundaries[first + 1]) ?? nowhere()
}

/** Places to cut a flight at: all around the boundaries of its records and in the midst of them, before its end. */
export function cuttingPlaces(flight: Buffer): readonly number[] {
  const boundaries = recordBoundaries(flight)
  const places = boundaries.flatMap((boundary, index) => {
    const next = boundaries[index + 1] ?? boundary
    return [boundary - 1, boundary, boundary + 1, boundary + 4, boundary + 5, boundary + 6, (boundary + next) >> 1]
  })
  return [...new Set(places)].filter((place) => place >= 0 && place < flight.byteLength).sort((a, b) => a - b)
}

/** The content type of records of protected data. */
const applicationData = 23
