import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PreSharedKey } from 'polytls'
import { CertificateCompression } from '#polytls/backends/portable/certificate-compression.js'
import { CLIENT13 } from '#polytls/backends/portable/client13.js'
import { HandshakeType, handshakeName } from '#polytls/backends/portable/messages/handshake-type.js'
import { SERVER13 } from '#polytls/backends/portable/server13.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { nodeCertificateCodecs } from '#polytls/compression/node.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { TLSError } from '#polytls/errors.js'
import { answer, type ClientEngine, credentialOf, remote, type ServerEngine } from './engines12.js'
import { client13, server13 } from './engines13.js'
import { samples } from './messages/samples.js'
import { clientSessions, resuming } from './sessions13.js'
import { Tap } from './tap.js'

type AnyEngine = ClientEngine | ServerEngine
const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

/** Without it compressed certificates would have no place anywhere. */
const certificateCompression = new CertificateCompression(nodeCertificateCodecs)

/** Everything that a peer can send: each message of either version, types that do not exist, and data. */
const inputs: ReadonlyMap<string, (tap: Tap, to: AnyEngine) => void> = new Map([
  ...[...Object.values(HandshakeType), 3, 99].map(
    (type) => [handshakeName(type), (tap: Tap, to: AnyEngine) => tap.inject(to, exampleOf(type))] as const,
  ),
  ['application_data', (tap, to) => tap.applicationData(to)],
])

/** A connection in which one side, the victim, is in a state, and the other is in the hands of the test. */
interface Scene {
  readonly victim: AnyEngine
  readonly tap: Tap
}

describe('TLS 1.3: every message in every state', () => {
  for (const [role, diagram, reach] of [
    ['client', CLIENT13, clientIn],
    ['server', SERVER13, serverIn],
  ] as const) {
    for (const [state, arrows] of Object.entries(diagram)) {
      // There nothing is waited for: the handshake goes on in the other diagram.
      if (state === 'TLS12') continue
      it(`a ${role} in ${state} takes what the diagram says, and nothing else`, () => {
        const expected = Object.keys(arrows).filter((input) => inputs.has(input))
        if (state === 'CONNECTED' || state === 'WAIT_EOED') expected.push('application_data')
        const paused = reach(state).victim.pauseRequest !== undefined
        const taken: string[] = []
        for (const [name, send] of inputs) {
          const { victim, tap } = reach(state)
          assert.equal(victim.stateName, state)
          if (isTaken(() => send(tap, victim), state)) taken.push(name)
          if (paused) assert.equal(stepOf(victim), 'paused')
          if (paused) assert.equal(victim.stateName, state, `${name} moved a state that is paused`)
        }
        // A paused side looks at nothing: it takes everything, for later.
        assert.deepEqual(taken.sort(), paused ? [...inputs.keys()].sort() : expected.sort())
      })
    }
  }

  for (const [role, diagram, reach] of [
    ['client', CLIENT13, clientIn],
    ['server', SERVER13, serverIn],
  ] as const) {
    it(`a ${role} drops change_cipher_spec between the first ClientHello and the peer's Finished, and never else`, () => {
      for (const state of Object.keys(diagram)) {
        if (state === 'TLS12') continue
        const { victim } = reach(state)
        if (victim.pauseRequest !== undefined) continue
        victim.feed(Uint8Array.of(20, 3, 3, 0, 1, 1))
        const outside = victim.isEstablished || state === 'WAIT_CH'
        const step = (): unknown => stepOf(victim)
        if (outside) assert.throws(step, { alert: 'unexpected_message' }, state)
        else assert.equal(step(), 'want-read', state)
      }
    })
  }
})

function stepOf(engine: AnyEngine): unknown {
  return engine.isEstablished ? engine.receive() : engine.handshake()
}

/** Whether the victim had a place for it; that its content is then found to be wrong is another matter. */
function isTaken(send: () => void, state: string): boolean {
  try {
    send()
    return true
  } catch (error) {
    assert.ok(error instanceof TLSError, String(error))
    if (error.alert !== 'unexpected_message') return true
    assert.match(error.message, new RegExp(`in the state ${state}|has no place here`))
    return false
  }
}

/** Caches and guards of an application, which have to be asked. */
const application = { take: () => undefined, put: () => {}, admit: () => true }

function clientIn(state: string): Scene {
  const needsRequest = ['WAIT_CERT', 'CHOOSING', 'SIGNING'].includes(state)
  const isChosen = ['CHOOSING', 'CHOOSING_LATE'].includes(state)
  const client = client13({
    credential: remote(credential),
    certificateCompression,
    options: {
      postHandshakeAuthentication: true,
      ...(state === 'WAIT_VERDICT' ? { verifyPeer: () => ({ accept: true }) } : {}),
      ...(isChosen ? { chooseCertificate: () => undefined } : {}),
    },
    ...(state === 'TAKING_SESSION' ? { sessions: clientSessions(application) } : {}),
  })
  const server = server13({
    credentials: [credential],
    options: { clientAuthentication: needsRequest ? 'required' : 'none' },
    settings: state === 'WAIT_SH_AGAIN' ? { groups: [groupCode.secp256r1] } : {},
  })
  const tap = new Tap(server)
  client.handshake()
  if (state.endsWith('_LATE')) {
    drive(client, tap, 'CONNECTED')
    server.requestClientCertificate()
  }
  drive(client, tap, state)
  return { victim: client, tap }
}

const preSharedKeys = [new PreSharedKey({ identity: 'a key', secret: new Uint8Array(32) })]

/** Where early data matters: the guard has to be asked, or has said yes. */
function resumingServerIn(state: string): ReturnType<typeof resuming> | undefined {
  if (state === 'ADMITTING') return resuming(credential, application)
  return state === 'WAIT_EOED' ? resuming(credential) : undefined
}

function serverIn(state: string): Scene {
  const asks = ['WAIT_CERT', 'WAIT_CV', 'WAIT_VERDICT'].includes(state)
  const scene = resumingServerIn(state)
  const isLate = state === 'CONNECTED' || state.startsWith('WAIT_LATE')
  const options = { ...(state === 'FINDING_KEY' ? { preSharedKeys } : {}), postHandshakeAuthentication: isLate }
  const client = scene?.client ?? client13({ credential, options })
  const server =
    scene?.server ??
    server13({
      credentials: [state === 'SIGNING' ? remote(credential) : credential],
      certificateCompression,
      options: {
        clientAuthentication: asks ? 'required' : 'none',
        ...(state === 'FINDING_KEY' ? { findPreSharedKey: () => undefined } : {}),
        ...(state.endsWith('_VERDICT') ? { verifyPeer: () => ({ accept: true }) } : {}),
      },
      settings: state === 'WAIT_CH_AGAIN' ? { groups: [groupCode.secp256r1] } : {},
    })
  const tap = new Tap(client)
  client.handshake()
  server.handshake()
  if (isLate) {
    drive(server, tap, 'CONNECTED')
    server.requestClientCertificate()
    client.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    assert.equal(client.receive(), 'want-read')
  }
  drive(server, tap, state)
  return { victim: server, tap }
}

/** Delivers until the victim is where it has to be, and the other side has the keys that go with it. */
function drive(victim: AnyEngine, tap: Tap, state: string): void {
  const react = (): void => {
    tap.engine.feed(victim.takeOutgoing(Number.POSITIVE_INFINITY))
    stepOf(tap.engine)
  }
  for (let rounds = 0; rounds < 50 && victim.stateName !== state; rounds++) {
    if (victim.pauseRequest !== undefined) {
      answer(victim)
      stepOf(victim)
    }
    if (tap.items.length > 0 && victim.stateName !== state) tap.deliver(victim)
    react()
  }
  while (tap.items[0]?.kind === 'change_cipher_spec') tap.deliver(victim)
}

function exampleOf(type: number): Uint8Array {
  const sample = samples.findLast(({ encoded }) => encoded[0] === type)
  return sample?.encoded ?? Uint8Array.of(type, 0, 0, 0)
}
