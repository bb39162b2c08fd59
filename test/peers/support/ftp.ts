import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { type DataConnections, startTls, TLSSocket, UpgradableSocket } from 'polytls'
import { patiently } from './patience.ts'

type FTPOptions = Parameters<typeof startTls<'ftp'>>[2] & { readonly opportunistic?: false }
type Login = readonly [user: string, password: string]

interface LoggedIn {
  readonly ftp: FTPClient
  readonly control: TLSSocket
}

/** What makes TLS of a data connection. */
type Data = Pick<DataConnections, 'upgrade'>

/** As much of a client of FTP as it takes to move files: one transfer at a time, data connections that the client opens. */
export class FTPClient implements AsyncDisposable {
  #control: Duplex
  #heard = ''
  #changed: () => void = () => {}
  readonly #hear = (chunk: Buffer): void => {
    this.#heard += chunk.toString('latin1')
    this.#changed()
  }

  private constructor(control: Duplex) {
    this.#control = control
    this.#listen(control)
  }

  /** Comes to TLS by AUTH TLS, and logs in. The server's close_notify may come with its agreement to CCC, which is not to end anything. */
  static async login(port: number, options: FTPOptions, who: Login): Promise<LoggedIn> {
    const { socket } = await startTls(net.connect(port, '127.0.0.1'), 'ftp', { ...options, allowHalfOpen: true })
    return new FTPClient(socket).#login(socket, who)
  }

  /** The same, with one socket all along. */
  static async loginUpgradable(port: number, options: FTPOptions, who: Login): Promise<LoggedIn> {
    const socket = new UpgradableSocket(net.connect(port, '127.0.0.1'))
    await socket.startTls('ftp', options)
    return new FTPClient(socket).#login(socket.tls as TLSSocket, who)
  }

  /** The same, where TLS was there before the greeting. */
  static async greeted(control: TLSSocket, who: Login): Promise<LoggedIn> {
    const ftp = new FTPClient(control)
    await ftp.reply('nothing', 220)
    for (const command of ['PBSZ 0', 'PROT P']) await ftp.command(command, 200)
    return ftp.#login(control, who)
  }

  async #login(control: TLSSocket, [user, password]: Login): Promise<LoggedIn> {
    const asked = await this.command(`USER ${user}`, 331, 230)
    if (asked.startsWith('331')) await this.command(`PASS ${password}`, 230)
    await this.command('TYPE I', 200)
    return { ftp: this, control }
  }

  /** Says something, and wants one of these answers. */
  async command(line: string, ...codes: readonly number[]): Promise<string> {
    this.#control.write(`${line}\r\n`)
    return this.reply(line, ...codes)
  }

  async reply(to: string, ...codes: readonly number[]): Promise<string> {
    for (;;) {
      const found = /^(\d\d\d)(?: .*\r\n|-[\s\S]*?\r\n\1 .*\r\n)/.exec(this.#heard)
      if (found !== null) {
        this.#heard = this.#heard.slice(found[0].length)
        if (!codes.includes(Number(found[1]))) throw new Error(`the answer to ${to} is ${found[0]}`)
        return found[0]
      }
      if (this.#control.destroyed) throw new Error(`closed after ${to}`)
      await patiently(`an answer to ${to}`, new Promise<void>((resolve) => (this.#changed = resolve)))
    }
  }

  async upload(data: Data, name: string, content: Uint8Array): Promise<TLSSocket> {
    const socket = await this.transfer(data, `STOR ${name}`)
    socket.resume().end(content)
    await patiently('the end of an upload', once(socket, 'close'))
    await this.reply('STOR', 226)
    return socket
  }

  async download(data: Data, command: string): Promise<{ readonly socket: TLSSocket; readonly content: Buffer }> {
    const socket = await this.transfer(data, command)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    await this.reply(command, 226)
    return { socket, content: Buffer.concat(chunks) }
  }

  /** A data connection for a command, as the server agreed to it. It is for the caller to end, and the last reply to be read. */
  async transfer(data: Data, command: string, connecting = this.#connect()): Promise<TLSSocket> {
    const plain = await connecting
    await this.command(command, 150)
    return data.upgrade(plain)
  }

  /** The same, where the server opens the connection: the client of FTP is the client of TLS all the same. RFC 4217, Section 7. */
  async transferActively(data: Data, command: string): Promise<TLSSocket> {
    const server = net.createServer().listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const connecting = once(server, 'connection').then(([plain]) => plain as net.Socket)
      await this.command(`EPRT |1|127.0.0.1|${(server.address() as net.AddressInfo).port}|`, 200)
      this.#control.write(`${command}\r\n`)
      const plain = await patiently('the server to connect', connecting)
      await this.reply(command, 150)
      return await data.upgrade(plain)
    } finally {
      server.close()
    }
  }

  /** CCC: the control connection goes on in plain text. */
  async clear(): Promise<void> {
    await this.command('CCC', 200)
    const control = this.#control
    if (control instanceof UpgradableSocket) {
      await control.unwrap()
    } else if (control instanceof TLSSocket) {
      control.off('data', this.#hear)
      control.resume()
      this.#control = await control.unwrap()
      this.#listen(this.#control)
    }
  }

  /** Opens a data connection. The server says the port of it; the TLS in it begins when the server has agreed to a transfer. */
  async #connect(): Promise<net.Socket> {
    const port = /\(\|\|\|(\d+)\|\)/.exec(await this.command('EPSV', 229))?.[1]
    const plain = net.connect(Number(port), '127.0.0.1')
    // A server that refuses a transfer resets what was opened for it; its reply says why.
    plain.on('error', () => {})
    await once(plain, 'connect')
    return plain
  }

  #listen(control: Duplex): void {
    control.on('data', this.#hear)
    control.on('close', () => this.#changed())
    control.on('error', () => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#control.destroyed) return
    const closed = new Promise<void>((resolve) => this.#control.once('close', resolve))
    this.#control.end('QUIT\r\n')
    await patiently('the control connection to close', closed)
  }
}
