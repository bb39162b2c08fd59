import assert from 'node:assert/strict'
import { it } from 'node:test'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { BackendError, TLSError } from '#polytls/errors.js'
import { answer, type ClientEngine, clientEngine, credentialOf, type ServerEngine, serverEngine } from './engines12.js'
import { generator, mutate } from './messages/mutation.js'
import { samples } from './messages/samples.js'
import { Tap } from './tap.js'

const { POLYTLS_FUZZ_HANDSHAKES = '400', POLYTLS_FUZZ_SEED = '1' } = process.env
const credential = credentialOf(await makeSelfSigned({ name: 'test', names: ['server.test'] }))

it(`TLS 1.2's handshakes throw nothing but TLSError, over ${POLYTLS_FUZZ_HANDSHAKES} disturbed ones`, () => {
  const random = generator(Number(POLYTLS_FUZZ_SEED))
  let refused = 0
  let established = 0
  for (let i = 0; i < Number(POLYTLS_FUZZ_HANDSHAKES); i++) {
    const client = clientEngine({ credential, serverName: 'server.test', verifyPeer: random(4) === 0 })
    const server = serverEngine({ credential, clientAuthentication: random(2) === 0 ? 'none' : 'requested' })
    const [liar, victim] = random(2) === 0 ? [client, server] : [server, client]
    const error = disturb(liar, victim, random)
    if (error === undefined) {
      if (victim.isEstablished) established++
      continue
    }
    refused++
    assert.ok(
      error instanceof TLSError && !(error instanceof BackendError),
      `handshake ${i} of seed ${POLYTLS_FUZZ_SEED}: ${String(error)} ${String((error as Error).cause)}`,
    )
  }
  assert.ok(refused > 0 && established > 0, `${refused} refused, ${established} established: both have to occur`)
})

/** Runs a handshake of which one side's messages are altered, repeated, left out or invented; answers what the victim throws. */
function disturb(
  liar: ClientEngine | ServerEngine,
  victim: ClientEngine | ServerEngine,
  random: (limit: number) => number,
): unknown {
  const tap = new Tap(liar)
  for (let round = 0; round < 30; round++) {
    // What the liar itself thinks of the victim's answers does not matter here.
    attempt(() => liar.isEstablished || liar.handshake())
    const error = attempt(() => {
      if (!victim.isEstablished) while (victim.handshake() === 'paused') answer(victim)
      if (tap.items.length > 0) send(tap, victim, random)
      else if (random(20) === 0) tap.changeCipherSpec(victim)
    })
    if (error !== undefined && isOf(victim, error)) return error
    attempt(() => liar.feed(victim.takeOutgoing(Number.POSITIVE_INFINITY)))
  }
  return undefined
}

function send(tap: Tap, victim: ClientEngine | ServerEngine, random: (limit: number) => number): void {
  switch (random(24)) {
    case 0:
      tap.deliver(victim, (bytes) => mutate(bytes, random))
      break
    case 1:
      tap.items.shift()
      break
    case 2:
      tap.inject(victim, samples[random(samples.length)]?.encoded ?? new Uint8Array(4))
      break
    case 3:
      if (tap.items[0] !== undefined) tap.items.unshift(tap.items[0])
      break
    case 4:
      tap.changeCipherSpec(victim)
      break
    case 5:
      tap.applicationData(victim)
      break
    default:
      tap.deliver(victim)
  }
}

function attempt(call: () => unknown): unknown {
  try {
    call()
    return undefined
  } catch (error) {
    return error
  }
}

/** Whether the victim failed with it, rather than the liar, who also takes steps in order to send. */
function isOf(victim: ClientEngine | ServerEngine, error: unknown): boolean {
  return attempt(() => victim.checkAlive()) === error
}
