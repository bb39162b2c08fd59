import * as net from 'node:net'

/**
 * TCP sockets of our own making, which read into one buffer that all of them share: ciphertext is copied into the channel at once,
 * so a fresh buffer for every read, as streams have it, would be garbage the moment it is made.
 */
export class TCPTransport {
  readonly socket: net.Socket
  #take: TakeCiphertext | undefined

  private constructor(make: (onread: net.OnReadOpts) => net.Socket) {
    this.socket = make({
      buffer: sharedBuffer,
      callback: (length, buffer) => this.#deliver(buffer.subarray(0, length)),
    })
  }

  static connect(options: net.NetConnectOpts): TCPTransport {
    return new TCPTransport((onread) => net.connect({ ...options, onread }))
  }

  /**
   * Takes over a connection that a server has just accepted; `undefined` where this Node does not let us. Node has no public way to
   * say how accepted connections are to be read, so the socket's handle moves to a socket that reads as we want it.
   */
  static adopt(accepted: net.Socket): TCPTransport | undefined {
    const from = accepted as unknown as Innards
    if (typeof from._handle?.useUserBuffer !== 'function') return undefined
    const { _handle: handle, _server: server } = from
    from._handle = null
    from._server = null
    return new TCPTransport((onread) => {
      const socket = new net.Socket({ handle, onread, allowHalfOpen: true } as net.SocketConstructorOpts)
      // The server counts its connections by this.
      Object.assign(socket, { _server: server, server })
      return socket
    })
  }

  /** Has ciphertext delivered to a channel; `undefined` makes the socket an ordinary stream from here on. */
  deliverTo(take: TakeCiphertext | undefined): void {
    this.#take = take
  }

  #deliver(chunk: Uint8Array): boolean {
    return this.#take === undefined ? this.socket.push(Buffer.from(chunk)) : this.#take(chunk)
  }
}

/** Takes what was read, whose memory will be used again; answers whether more may come at once. */
export type TakeCiphertext = (ciphertext: Uint8Array) => boolean

interface Innards {
  _handle: { readonly useUserBuffer?: unknown } | null
  _server: unknown
}

const sharedBuffer: Uint8Array = Buffer.allocUnsafeSlow(64 * 1024)
