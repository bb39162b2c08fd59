import type { Duplex } from 'node:stream'
import { requireObject } from './config/arguments.ts'
import { type UpgradeOptions, upgrade } from './connections.ts'
import { requireUsable } from './sockets/connect.ts'
import type { Started } from './sockets/start-tls.ts'
import { SwitchableStream } from './sockets/switchable-stream.ts'
import type { TLSSocket } from './sockets/tls-socket.ts'
import {
  type ClientLearned,
  type ClientProtocol,
  type ClientProtocolOptions,
  type StartTLSOptions,
  startTls,
} from './starttls.ts'

/**
 * A socket that begins in plain text and may be secured later, as one object: the program keeps it, with its listeners, whatever is below.
 * What is written while it changes goes out when it has changed. When a change fails, the socket is closed.
 */
export class UpgradableSocket extends SwitchableStream {
  /** @throws TypeError for what is no stream; UsageError for one that has ended, or gives something else than bytes. */
  constructor(stream: Duplex) {
    requireUsable(stream)
    super(stream)
  }

  /**
   * Speaks TLS from here on, after the program's own words for it; as `upgrade`. What the program has not read by then would have come in
   * plain text, and is an error; only a server may have heard the beginning of TLS already.
   */
  async upgrade(options: UpgradeOptions): Promise<TLSSocket> {
    requireObject('upgrade', options)
    const { socket } = await this.change('upgrade', async (below, unread) => {
      this.requireNothingUnread(below, unread, options.isServer === true)
      return { socket: await upgrade(below, options) }
    })
    return socket
  }

  /** Holds the dialogue of a protocol, and speaks TLS from there on; as `startTls`. What the program has not read is part of it. */
  async startTls<P extends ClientProtocol>(
    protocol: P,
    options: StartTLSOptions<ClientProtocolOptions<P>>,
  ): Promise<Started<ClientLearned<P>>> {
    return this.change('startTls', (below, unread) => {
      if (unread.length > 0) below.unshift(unread)
      return startTls<P>(below, protocol, options)
    })
  }
}
