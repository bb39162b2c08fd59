import assert from 'node:assert/strict'
import { memoryUsage } from 'node:process'
import { before, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  backendNamed,
  Certificate,
  type ClientContext,
  type ClientOptions,
  PrivateKey,
  type ServerContext,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { makeAuthority } from '#polytls/cli/certificates.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void
const backend = backendNamed('portable')
const authority = await makeAuthority({ name: 'test authority' })
const identity = await authority.issue({ name: 'server', names: ['server.test'] })

/**
 * Bounds with room for other versions of Node, which catch that a connection holds on to its handshake: a ClientHello alone, with what is
 * made of it, takes several kilobytes, and more where it has a share of a hybrid group.
 */
describe('what a connection in use holds, both ends together', () => {
  let pairs: Pairs
  before(async () => {
    pairs = new Pairs()
    // The first pay for what all share.
    await pairs.bytesEach({ postHandshakeAuthentication: true }, 300)
    await pairs.release()
  })

  it('is little', async () => {
    assertBelow(await pairs.bytesEach({ sessions: 'none' }, 300), 12_000)
  })

  it('is not much more with what sessions and later certificates need', async () => {
    assertBelow(await pairs.bytesEach({ postHandshakeAuthentication: true }, 300), 16_000)
  })

  it('is let go of', async () => {
    // Caches and compiled code stay.
    const { held, released } = await pairs.release()
    assert.ok(released > 0.7 * held, `of ${held} bytes only ${released} were let go of`)
  })
})

class Pairs {
  readonly #server: ServerContext = backend.serverContext(
    new TLSServerConfiguration({
      certificateChain: [
        { leaf: Certificate.fromBuffer(identity.certificate), key: PrivateKey.fromBuffer(identity.key) },
      ],
    }),
  )
  #kept: (readonly [TLSBuffer, TLSBuffer])[] = []
  #heldBytes = 0

  /** Makes so many, and keeps them. */
  async bytesEach(options: ClientOptions, count: number): Promise<number> {
    const trustStore = TrustStore.fromBuffer(authority.certificate)
    const context = backend.clientContext(new TLSClientConfiguration({ ...options, trustStore }))
    const start = await settled()
    for (let made = 0; made < count; made++) this.#kept.push(connect(context, this.#server))
    const bytes = (await settled()) - start
    this.#heldBytes += bytes
    return bytes / count
  }

  async release(): Promise<{ readonly held: number; readonly released: number }> {
    const held = this.#heldBytes
    const full = await settled()
    this.#kept = []
    this.#heldBytes = 0
    return { held, released: full - (await settled()) }
  }
}

function connect(clientContext: ClientContext, serverContext: ServerContext): readonly [TLSBuffer, TLSBuffer] {
  const client = clientContext.createBuffer('server.test')
  const server = serverContext.createBuffer()
  for (let done = 0; done < 2; ) {
    done = 0
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      if (from.handshake() === 'done') done++
      to.processIncoming(from.processOutgoing())
    }
  }
  // Tickets, where there are any.
  assert.equal(client.read(1), 'want-read')
  return [client, server]
}

async function settled(): Promise<number> {
  // More than once, for what the first finds forgotten is freed between them.
  for (let round = 0; round < 3; round++) {
    collect()
    await setImmediate()
  }
  const { heapUsed, external } = memoryUsage()
  return heapUsed + external
}

function assertBelow(bytes: number, bound: number): void {
  assert.ok(bytes < bound, `${Math.round(bytes)} bytes, where less than ${bound} are enough`)
}
