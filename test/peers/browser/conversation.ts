import type { SignRequest, TLSBuffer, Waiting } from 'polytls/portable'

/** Whatever carries bytes; `receive` answers `undefined` at the end. */
export interface Carrier {
  send(bytes: Uint8Array): void
  receive(): Promise<Uint8Array | undefined>
  close(): void
}

/** A channel over a carrier: takes its steps, each as often as it has to wait. */
export class Conversation {
  readonly #channel: TLSBuffer
  readonly #carrier: Carrier
  #pending = new Uint8Array(0)

  constructor(channel: TLSBuffer, carrier: Carrier) {
    this.#channel = channel
    this.#carrier = carrier
  }

  async step<Result>(take: () => Result | Waiting): Promise<Result | Waiting> {
    for (;;) {
      const result = this.#attempt(take)
      if (result === 'want-read') await this.#receive()
      else if (result !== 'want-write') return result
    }
  }

  close(): void {
    this.#flush()
    this.#carrier.close()
  }

  #attempt<Result>(take: () => Result): Result {
    try {
      return take()
    } finally {
      this.#flush()
    }
  }

  #flush(): void {
    const ciphertext = this.#channel.processOutgoing()
    if (ciphertext.length > 0) this.#carrier.send(ciphertext)
  }

  async #receive(): Promise<void> {
    if (this.#pending.length === 0) {
      const bytes = await this.#carrier.receive()
      if (bytes === undefined) return this.#channel.endIncoming()
      this.#pending = new Uint8Array(bytes)
    }
    this.#pending = this.#pending.subarray(this.#channel.processIncoming(this.#pending))
  }
}

/** A client and a server, each the other's peer. */
export interface LinkedPair {
  readonly client: TLSBuffer
  handshake(): void
  /** The same where the server's key takes its time. */
  handshakeWithSigner(): Promise<void>
  /** Sends data from one side; what the other read of it, in its order. */
  transfer(from: 'client' | 'server', data: Uint8Array): Uint8Array
}

export function linked(client: TLSBuffer, server: TLSBuffer): LinkedPair {
  const deliver = (from: TLSBuffer, to: TLSBuffer): void => {
    while (from.outgoingBytesBuffered > 0 && to.incomingBytesBuffered < 60_000) {
      to.processIncoming(from.processOutgoing(16_384))
    }
  }
  const advance = () => {
    const ends = [client.handshake()]
    deliver(client, server)
    ends.push(server.handshake())
    deliver(server, client)
    return ends
  }
  const isDone = (ends: readonly string[]): boolean => ends.every((each) => each === 'done')
  const fail = (): never => {
    throw new Error('the handshake does not come to its end')
  }
  return {
    client,
    handshake() {
      for (let round = 0; !isDone(advance()); round++) if (round > 10) fail()
    },
    async handshakeWithSigner() {
      for (let round = 0; !isDone(advance()); round++) {
        if (round > 10) fail()
        if (server.pause === undefined) continue
        const { signer, scheme, message } = server.pause as SignRequest
        server.resume(await signer.sign(scheme, message))
      }
    },
    transfer(from, data) {
      const [sender, receiver] = from === 'client' ? [client, server] : [server, client]
      const received = new Uint8Array(data.length)
      for (let sent = 0, arrived = 0; arrived < data.length; ) {
        const taken = sent < data.length ? sender.write(data.subarray(sent)) : 0
        if (typeof taken === 'number') sent += taken
        deliver(sender, receiver)
        for (let read = receiver.read(65_536); typeof read !== 'string'; read = receiver.read(65_536)) {
          received.set(read, arrived)
          arrived += read.length
        }
      }
      return received
    },
  }
}
