import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLIENT12 } from '#polytls/backends/portable/client12.js'
import type { ClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { HandshakeType, handshakeName } from '#polytls/backends/portable/messages/handshake-type.js'
import { decodeServerHello, encodeServerHello } from '#polytls/backends/portable/messages/server-hello.js'
import { SERVER12 } from '#polytls/backends/portable/server12.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { TLSError } from '#polytls/errors.js'
import {
  answer,
  type ClientEngine,
  clientEngine,
  credentialOf,
  remote,
  type ServerEngine,
  serverEngine,
} from './engines12.js'
import { samples } from './messages/samples.js'
import { Tap } from './tap.js'

const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

/** Everything that a peer can send: each message of either version, types that do not exist, and other records. */
const inputs: ReadonlyMap<string, (tap: Tap, to: ClientEngine | ServerEngine) => void> = new Map([
  ...[...Object.values(HandshakeType), 3, 99].map(
    (type) =>
      [handshakeName(type), (tap: Tap, to: ClientEngine | ServerEngine) => tap.inject(to, exampleOf(type))] as const,
  ),
  ['change_cipher_spec', (tap, to) => tap.changeCipherSpec(to)],
  ['application_data', (tap, to) => tap.applicationData(to)],
])

/** A connection in which one side, the victim, is in a state, and the other is in the hands of the test. */
interface Scene {
  readonly victim: ClientEngine | ServerEngine
  readonly tap: Tap
}

describe('TLS 1.2: every message in every state', () => {
  for (const [role, diagram, reach] of [
    ['client', CLIENT12, clientIn],
    ['server', SERVER12, serverIn],
  ] as const) {
    for (const [state, arrows] of Object.entries(diagram)) {
      it(`a ${role} in ${state} takes what the diagram says, and nothing else`, () => {
        const expected = Object.keys(arrows).filter((input) => inputs.has(input))
        if (state === 'CONNECTED') expected.push('application_data')
        const paused = reach(state).victim.pauseRequest !== undefined
        const taken: string[] = []
        for (const [name, send] of inputs) {
          const { victim, tap } = reach(state)
          assert.equal(victim.stateName, state)
          if (isTaken(() => send(tap, victim), state)) taken.push(name)
          if (paused) assert.equal(victim.handshake(), 'paused')
          if (paused) assert.equal(victim.stateName, state, `${name} moved a state that is paused`)
        }
        // A paused side looks at nothing: it takes everything, for later.
        assert.deepEqual(taken.sort(), paused ? [...inputs.keys()].sort() : expected.sort())
      })
    }
  }
})

/** Whether the victim had a place for it; that its content is then found to be wrong is another matter. */
function isTaken(send: () => void, state: string): boolean {
  try {
    send()
    return true
  } catch (error) {
    assert.ok(error instanceof TLSError, String(error))
    if (error.alert !== 'unexpected_message') return true
    assert.match(error.message, new RegExp(`in the state ${state}|has no place here|change_cipher_spec`))
    return false
  }
}

function clientIn(state: string): Scene {
  const needsRequest = ['WAIT_DONE', 'CHOOSING', 'SIGNING'].includes(state)
  const client = clientEngine({
    credential: remote(credential),
    verifyPeer: state === 'VETTING',
    chooses: state === 'CHOOSING',
    ...(state === 'WAIT_TICKET' ? { hello: withTicket } : {}),
    ...(state === 'WAIT_STATUS' ? { hello: withStatusRequest } : {}),
  })
  const stapling = { ...credential, ocspResponse: () => new Uint8Array(1) }
  const server = serverEngine({ credential: stapling, clientAuthentication: needsRequest ? 'required' : 'none' })
  const tap = new Tap(server)
  client.handshake()
  drive(client, tap, state, (bytes, name) =>
    name === 'server_hello' && state === 'WAIT_TICKET' ? acceptTicket(bytes) : bytes,
  )
  return { victim: client, tap }
}

function serverIn(state: string): Scene {
  const asks = ['WAIT_CERT', 'WAIT_CERTIFIED_CKE', 'WAIT_CV'].includes(state)
  const client = clientEngine({ credential })
  const server = serverEngine({
    credential: state === 'SIGNING' ? remote(credential) : credential,
    verifyPeer: state === 'VETTING',
    clientAuthentication: asks ? 'required' : 'none',
  })
  const tap = new Tap(client)
  client.handshake()
  drive(server, tap, state, (bytes) => bytes)
  return { victim: server, tap }
}

/** Delivers until the victim is where it has to be. */
function drive(
  victim: ClientEngine | ServerEngine,
  tap: Tap,
  state: string,
  change: (bytes: Uint8Array, name: string) => Uint8Array,
): void {
  for (let rounds = 0; rounds < 50 && victim.stateName !== state; rounds++) {
    if (victim.pauseRequest !== undefined) {
      answer(victim)
      victim.handshake()
      continue
    }
    if (tap.items.length > 0) tap.deliver(victim, change)
    if (victim.stateName === state) return
    const out = victim.takeOutgoing(Number.POSITIVE_INFINITY)
    if (out.length === 0) continue
    tap.engine.feed(out)
    tap.engine.handshake()
  }
}

const withTicket = (hello: ClientHello): ClientHello => ({
  ...hello,
  extensions: { ...hello.extensions, session_ticket: new Uint8Array(0) },
})

const withStatusRequest = (hello: ClientHello): ClientHello => ({
  ...hello,
  extensions: {
    ...hello.extensions,
    status_request: { statusType: 1, responderIds: new Uint8Array(0), requestExtensions: new Uint8Array(0) },
  },
})

function acceptTicket(bytes: Uint8Array): Uint8Array {
  const hello = decodeServerHello(bytes.subarray(4))
  assert.equal(hello.kind, 'server_hello12')
  return encodeServerHello({ ...hello, extensions: { ...hello.extensions, session_ticket: true } })
}

function exampleOf(type: number): Uint8Array {
  const sample = samples.findLast(({ encoded }) => encoded[0] === type)
  return sample?.encoded ?? Uint8Array.of(type, 0, 0, 0)
}
