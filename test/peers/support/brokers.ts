import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Identities } from './identities.ts'
import { freePort } from './ports.ts'
import { Program, run } from './program.ts'

/** Whom RabbitMQ lets in by a password, and by a certificate: the common name of the tests' client. */
export const user = { username: 'alice', password: 'looking-glass' } as const
export const queue = 'polytls'

/** RabbitMQ with its plugin for AMQP 1.0, one queue, and TLS 1.3 alone. It can be stopped and started again, with what it keeps. */
export class RabbitMQ implements AsyncDisposable {
  /** With TLS. */
  readonly port: number
  /** Without, for who stands in front of it. */
  readonly plainPort: number
  readonly #folder: string
  readonly #mapperPort: number
  readonly #distributionPort: number
  #program: Program | undefined

  private constructor(folder: string, ports: readonly [number, number, number, number]) {
    this.#folder = folder
    ;[this.port, this.plainPort, this.#mapperPort, this.#distributionPort] = ports
  }

  static async start(identities: Identities): Promise<RabbitMQ> {
    const folder = mkdtempSync(join(tmpdir(), 'polytls-rabbitmq-'))
    const broker = new RabbitMQ(folder, [await freePort(), await freePort(), await freePort(), await freePort()])
    broker.#configure(identities)
    try {
      await broker.start()
    } catch (error) {
      await broker[Symbol.asyncDispose]()
      throw error
    }
    return broker
  }

  async start(): Promise<void> {
    const environment = {
      HOME: this.#folder,
      RABBITMQ_NODENAME: 'polytls@localhost',
      RABBITMQ_CONFIG_FILE: join(this.#folder, 'rabbitmq'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.#folder, 'enabled'),
      RABBITMQ_MNESIA_BASE: join(this.#folder, 'data'),
      RABBITMQ_LOG_BASE: this.#folder,
      RABBITMQ_LOGS: '-',
      RABBITMQ_DIST_PORT: `${this.#distributionPort}`,
      ERL_EPMD_PORT: `${this.#mapperPort}`,
    }
    const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    // Not Debian's wrapper, which wants to be its system's service.
    this.#program = new Program('env', [...settings, '/usr/lib/rabbitmq/bin/rabbitmq-server'])
    // Ten seconds where nothing else runs.
    await this.#program.reports(/Server startup complete/, 100_000)
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#program?.stop(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    // Erlang leaves a program behind that maps names to ports.
    await run('env', [`ERL_EPMD_PORT=${this.#mapperPort}`, 'epmd', '-kill'])
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #configure(identities: Identities): void {
    const { chainFile, keyFile } = identities.server('rsa-2048')
    const configuration = `listeners.tcp.1 = 127.0.0.1:${this.plainPort}
listeners.ssl.1 = 127.0.0.1:${this.port}
ssl_options.cacertfile = ${identities.authorityFile}
ssl_options.certfile = ${chainFile}
ssl_options.keyfile = ${keyFile}
ssl_options.versions.1 = tlsv1.3
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_cert_login_from = common_name
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
load_definitions = ${join(this.#folder, 'definitions.json')}
`
    const names = [user.username, 'A Client']
    const definitions = {
      vhosts: [{ name: '/' }],
      users: names.map((name) => ({ name, password: user.password, tags: '' })),
      permissions: names.map((name) => ({ user: name, vhost: '/', configure: '.*', write: '.*', read: '.*' })),
      queues: [{ name: queue, vhost: '/', durable: true, auto_delete: false, arguments: {} }],
    }
    mkdirSync(join(this.#folder, 'data'))
    writeFileSync(join(this.#folder, 'rabbitmq.conf'), configuration)
    writeFileSync(join(this.#folder, 'enabled'), '[rabbitmq_amqp1_0,rabbitmq_auth_mechanism_ssl].\n')
    writeFileSync(join(this.#folder, 'definitions.json'), JSON.stringify(definitions))
  }
}
