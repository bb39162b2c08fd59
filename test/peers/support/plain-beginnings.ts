import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import {
  type Backend,
  type ClientProtocol,
  type Started,
  type StartTLSOptions,
  startTls,
  type TLSSocket,
} from 'polytls'
import { hostName, type Identities, makeIdentities } from './identities.ts'
import { patiently } from './patience.ts'
import type { Running, ServerFiles } from './server-folders.ts'

const { getuid } = process
export const isRoot: boolean = getuid?.() === 0
/** For tests of these servers. */
export const skip: string | false = isRoot ? false : 'these servers have to be started by root'

/** Servers that begin in plain text, started for the tests of one file, with certificates that one authority has issued. */
export class PlainServers implements AsyncDisposable {
  readonly identities: Identities
  readonly files: ServerFiles
  readonly #running: Running[] = []
  #ports: Readonly<Record<string, number>> = {}

  private constructor(identities: Identities) {
    this.identities = identities
    const { folder } = identities
    chmodSync(folder, 0o755)
    const { chainFile: certificate, issuersFile: issuers, keyFile: key } = identities.server('rsa-2048')
    for (const file of [certificate, identities.authorityFile]) chmodSync(file, 0o644)
    this.files = { folder, certificate, issuers, key, authority: identities.authorityFile }
  }

  static async start(...starts: readonly ((files: ServerFiles) => Promise<Running>)[]): Promise<PlainServers> {
    const servers = new PlainServers(await makeIdentities())
    const starting = await Promise.allSettled(starts.map((start) => servers.add(start(servers.files))))
    for (const each of starting) {
      if (each.status === 'fulfilled') continue
      await servers[Symbol.asyncDispose]()
      throw each.reason
    }
    return servers
  }

  async add(starting: Promise<Running>): Promise<void> {
    const running = await starting
    this.#running.push(running)
    this.#ports = { ...this.#ports, ...running.ports }
  }

  port(name: string): number {
    const port = this.#ports[name]
    if (port === undefined) throw new Error(`no server of ${name} was started`)
    return port
  }

  /** Leads a connection into TLS 1.3, at a port that has the protocol's name or another one. */
  async secure<P extends ClientProtocol & string>(
    backend: Backend,
    protocol: P,
    {
      server = protocol,
      stream = net.connect(this.port(server), '127.0.0.1'),
      version = 'TLSv1.3',
      ...own
    }: Secured = {},
  ): Promise<Conversing> {
    const options = { serverName: hostName, trustStore: this.identities.trustStore, backend, ...own }
    // Each protocol's options are its test's concern.
    const started = await startTls(stream, protocol, options as unknown as StartTLSOptions<never>)
    assert.ok(started.isEncrypted)
    assert.equal(started.socket.facts.version, version)
    return { started, socket: started.socket, hearing: new Hearing(started.socket) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const each of this.#running.reverse()) await each[Symbol.asyncDispose]()
    this.identities.remove()
  }
}

interface Secured {
  /** The server, where it goes by another name than the protocol. */
  readonly server?: string
  /** A connection to it, where there is one already. */
  readonly stream?: Duplex
  readonly version?: 'TLSv1.2' | 'TLSv1.3'
  readonly [option: string]: unknown
}

export interface Conversing {
  readonly started: Started<unknown>
  readonly socket: TLSSocket
  readonly hearing: Hearing
}

/** What a socket says, until it has said what is waited for. */
export class Hearing {
  readonly #socket: Duplex
  readonly #closed: Promise<never>
  #heard = ''
  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString('latin1')
    })
    this.#closed = new Promise((_resolve, reject) => {
      socket.once('close', () => reject(new Error(`closed, after ${JSON.stringify(this.#heard)}`)))
    })
    this.#closed.catch(() => {})
  }
  async until(wanted: RegExp | string): Promise<string> {
    const isThere = (): boolean =>
      typeof wanted === 'string' ? this.#heard.includes(wanted) : wanted.test(this.#heard)

    while (!isThere()) {
      await patiently(`${wanted} behind ${this.#heard}`, Promise.race([once(this.#socket, 'data'), this.#closed]))
    }
    const heard = this.#heard
    this.#heard = ''
    return heard
  }
  /** Says something, and waits for the answer. */
  ask(what: string | Uint8Array, wanted: RegExp | string): Promise<string> {
    this.#socket.write(what)
    return this.until(wanted)
  }
}
