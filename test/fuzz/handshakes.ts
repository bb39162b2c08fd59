import assert from 'node:assert/strict'
import {
  Certificate,
  type ClientContext,
  NamedGroup,
  type NegotiatedVersion,
  PrivateKey,
  type ServerContext,
  type SigningChain,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { PortableBackend } from '#polytls/backends/portable/backend.js'
import { Authority, TIME } from '../x509/verify.ts'
import { fixedKey } from './fixed-key.ts'
import { Meddler } from './meddler.ts'
import { pick, type Random } from './random.ts'
import { assertRefusal } from './refusal.ts'
import type { FuzzTarget } from './target.ts'
import { ToyCrypto } from './toy-crypto.ts'

/** Whole connections, of which one side's flights are changed, repeated, left out, cut up and put into another order. */
export const handshakes12: FuzzTarget = target('handshakes12', 'TLSv1.2')
export const handshakes13: FuzzTarget = target('handshakes13', 'TLSv1.3')

function target(name: string, version: NegotiatedVersion): FuzzTarget {
  return {
    name,
    short: 1500,
    run(random) {
      const { client, server } = makePair(version, random)
      const meddlesWithServer = random(2) === 0
      const wires = [
        new Wire(client, server, meddlesWithServer ? undefined : new Meddler(random)),
        new Wire(server, client, meddlesWithServer ? new Meddler(random) : undefined),
      ] as const
      const outcome = converse(client, server, wires, random)
      client[Symbol.dispose]()
      server[Symbol.dispose]()
      return outcome
    },
  }
}

/** What the library has for its cryptography is the same object for all inputs; its numbers are each input's own. */
let numbers: Random = () => 0
const toy = new ToyCrypto((below) => numbers(below))
const backend = new PortableBackend({ name: 'portable-toy', crypto: () => toy, now: () => TIME })

const authority = new Authority('CN=Root', fixedKey(1))
const trustStore = TrustStore.fromBuffer(authority.root())
const chain: SigningChain = {
  leaf: Certificate.fromBuffer(authority.issue('server.test', { key: fixedKey(2) })),
  key: PrivateKey.fromBuffer(fixedKey(2).privateKey.export({ format: 'der', type: 'pkcs8' })),
}

function makePair(
  version: NegotiatedVersion,
  random: Random,
): { readonly client: TLSBuffer; readonly server: TLSBuffer } {
  numbers = random
  toy.isCredulous = random(6) !== 0
  const choices: Choices = {
    lowest: random(4) === 0 ? 'TLSv1.2' : version,
    highest: version,
    retries: random(3) === 0,
    namesProtocols: random(2) === 0,
    asksForVeto: random(4) === 0,
    showsCertificate: random(4) !== 0,
    asks: pick(['none', 'requested', 'required'] as const, random),
  }
  const name = Object.values(choices).join()
  let contexts = made.get(name)
  if (contexts === undefined) {
    contexts = makeContexts(choices)
    made.set(name, contexts)
  }
  return { client: contexts.client.createBuffer('server.test'), server: contexts.server.createBuffer() }
}

interface Choices {
  readonly lowest: NegotiatedVersion
  readonly highest: NegotiatedVersion
  /** The server wants another group than the client sends a share for. */
  readonly retries: boolean
  readonly namesProtocols: boolean
  readonly asksForVeto: boolean
  readonly showsCertificate: boolean
  readonly asks: 'none' | 'requested' | 'required'
}

function makeContexts(choices: Choices): Contexts {
  const { lowest, highest, retries, namesProtocols, asksForVeto, showsCertificate, asks } = choices
  const common = {
    lowestSupportedVersion: lowest,
    highestSupportedVersion: highest,
    sessions: 'none',
    ...(namesProtocols && { innerProtocols: ['h2', 'x'] }),
  } as const
  const veto = asksForVeto ? { verifyPeer: () => ({ accept: true }) as const } : {}
  const client = { ...common, ...veto, trustStore, ...(showsCertificate && { certificateChain: chain }) }
  const server = {
    ...common,
    certificateChain: [chain],
    clientAuthentication: asks,
    ...(retries && { groups: [NamedGroup.secp384r1] }),
    ...(asks !== 'none' && { trustStore, ...veto }),
  }
  return {
    client: backend.clientContext(new TLSClientConfiguration(client)),
    server: backend.serverContext(new TLSServerConfiguration(server)),
  }
}

interface Contexts {
  readonly client: ClientContext
  readonly server: ServerContext
}

/** Contexts take longer to make than a handshake takes. Without sessions they keep nothing from one input to the next. */
const made = new Map<string, Contexts>()

/** Both sides go on until nothing moves; in between there is data, and at the end the close. */
function converse(
  client: TLSBuffer,
  server: TLSBuffer,
  wires: readonly [Wire, Wire],
  random: Random,
): 'accepted' | 'refused' {
  let refused = false
  const failed = new Set<TLSBuffer>()
  const act = (side: TLSBuffer): void => {
    if (failed.has(side)) return
    try {
      advance(side, random)
    } catch (error) {
      assertRefusal(error, side === client ? 'client' : 'server')
      failed.add(side)
      refused = true
    }
    assert.ok(side.outgoingBytesBuffered <= 2 ** 19, 'too much is produced')
    assert.ok(side.incomingBytesBuffered <= 2 ** 18, 'too much is held')
  }
  for (let round = 0; round < 40; round++) {
    act(client)
    act(server)
    const moved = wires.map((wire) => wire.carry(failed))
    if (!moved.includes(true) && round > 6) break
  }
  return refused ? 'refused' : 'accepted'
}

function advance(side: TLSBuffer, random: Random): void {
  const step = side.handshake()
  if (step === 'paused') {
    side.resume({ accept: true })
    return
  }
  if (step !== 'done') return
  if (random(3) === 0 && !closing.has(side)) side.write(new Uint8Array(random(300)))
  for (let read = side.read(65_536), count = 0; typeof read !== 'string' && count < 100; count++)
    read = side.read(65_536)
  if (random(12) > 0) return
  closing.add(side)
  side.shutdown()
}

const closing = new WeakSet<TLSBuffer>()

class Wire {
  readonly #from: TLSBuffer
  readonly #to: TLSBuffer
  readonly #meddler: Meddler | undefined

  constructor(from: TLSBuffer, to: TLSBuffer, meddler: Meddler | undefined) {
    this.#from = from
    this.#to = to
    this.#meddler = meddler
  }

  carry(failed: ReadonlySet<TLSBuffer>): boolean {
    const flight = this.#from.processOutgoing()
    const pieces = this.#meddler?.change(flight) ?? (flight.length > 0 ? [flight] : [])
    for (const piece of pieces) {
      for (let at = 0; at < piece.length && !failed.has(this.#to); ) {
        try {
          const taken = this.#to.processIncoming(piece.subarray(at))
          if (taken === 0) return true
          at += taken
        } catch (error) {
          assertRefusal(error, 'processIncoming')
          return true
        }
      }
    }
    return pieces.length > 0
  }
}
