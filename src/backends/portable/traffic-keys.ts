import type { Connection } from './connection.ts'
import type { Directions, TrafficSecret } from './key-schedule.ts'
import { decodeKeyUpdate, encodeKeyUpdate } from './messages/post-handshake.ts'

/** The keys of an established connection, which change by KeyUpdate: RFC 9846, Sections 4.6.3 and 7.2. */
export class TrafficKeys {
  readonly #connection: Connection
  #incoming: TrafficSecret
  #outgoing: TrafficSecret

  constructor(connection: Connection, side: 'client' | 'server', traffic: Directions) {
    this.#connection = connection
    this.#incoming = side === 'client' ? traffic.server : traffic.client
    this.#outgoing = side === 'client' ? traffic.client : traffic.server
  }

  protectIncoming(): void {
    this.#connection.protectIncoming(this.#incoming.opener())
  }

  protectOutgoing(): void {
    const { paddingMultipleBytes } = this.#connection.setup
    this.#connection.protectOutgoing(this.#outgoing.sealer({ paddingMultipleBytes }))
  }

  /** The peer changed its keys. */
  receiveUpdate(body: Uint8Array): void {
    const { updateRequested } = decodeKeyUpdate(body)
    this.#incoming = this.#incoming.next()
    this.protectIncoming()
    if (updateRequested) this.#connection.answerKeyUpdate()
  }

  /** Changes ours. */
  sendUpdate(requestPeer: boolean): void {
    this.#connection.send(encodeKeyUpdate({ updateRequested: requestPeer }))
    this.#outgoing = this.#outgoing.next()
    this.protectOutgoing()
  }

  /** The verify_data of a Finished of ours behind the handshake, with the keys of now: RFC 9846, Section 4.4.4. */
  finishedOfOurs(transcript: Uint8Array): Uint8Array {
    return this.#outgoing.finished(transcript)
  }

  /** The same of the peer's. */
  finishedOfPeer(transcript: Uint8Array): Uint8Array {
    return this.#incoming.finished(transcript)
  }

  wipe(): void {
    this.#incoming.wipe()
    this.#outgoing.wipe()
  }
}
