import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CLIENT12 } from '#polytls/backends/portable/client12.js'
import { CLIENT13 } from '#polytls/backends/portable/client13.js'
import type { Checked, StateOf } from '#polytls/backends/portable/machine.js'
import { SERVER12 } from '#polytls/backends/portable/server12.js'
import { SERVER13 } from '#polytls/backends/portable/server13.js'

// A part of a client's diagram, and its states. What must not compile stands under @ts-expect-error: that it does not is what the compiler
// checks when these tests are built.

const PART = {
  WAIT_CERT_CR: { certificate_request: ['WAIT_CERT'], certificate: ['WAIT_CV'] },
  WAIT_CERT: { certificate: ['WAIT_CV'] },
  WAIT_CV: { certificate_verify: ['WAIT_FINISHED'] },
  WAIT_FINISHED: { finished: ['CONNECTED'] },
  CONNECTED: { key_update: ['CONNECTED'] },
} as const
type In<S extends keyof typeof PART> = StateOf<Checked<typeof PART>, S>

declare const proof: unique symbol
interface AuthenticatedPeer {
  readonly [proof]: true
}
declare const peer: AuthenticatedPeer

const waitCertificate = (): In<'WAIT_CERT'> => ({ name: 'WAIT_CERT', on: { certificate: () => waitVerify() } })
const waitVerify = (): In<'WAIT_CV'> => ({ name: 'WAIT_CV', on: { certificate_verify: () => waitFinished(peer) } })
const waitFinished = (_peer: AuthenticatedPeer): In<'WAIT_FINISHED'> => ({
  name: 'WAIT_FINISHED',
  on: { finished: () => connected() },
})
const connected = (): In<'CONNECTED'> => ({ name: 'CONNECTED', on: { key_update: () => connected() } })

export const whole = (): In<'WAIT_CERT_CR'> => ({
  name: 'WAIT_CERT_CR',
  on: { certificate_request: () => waitCertificate(), certificate: () => waitVerify() },
})
// @ts-expect-error a Certificate does not lead to Finished
export const shortcut = (): In<'WAIT_CERT'> => ({ name: 'WAIT_CERT', on: { certificate: () => waitFinished(peer) } })
export const unproven = (): In<'WAIT_CV'> => ({
  name: 'WAIT_CV',
  // @ts-expect-error nobody comes to Finished without the proof of authentication
  on: { certificate_verify: () => waitFinished() },
})
export const forgotten = (): In<'WAIT_CERT_CR'> => ({
  name: 'WAIT_CERT_CR',
  // @ts-expect-error the arrow for certificate_request is forgotten
  on: { certificate: () => waitVerify() },
})
export const extra = (): In<'WAIT_CERT'> => ({
  name: 'WAIT_CERT',
  // @ts-expect-error the diagram has no such arrow
  on: { certificate: () => waitVerify(), finished: () => connected() },
})
export const misspelt = {
  WAIT_CERT: { certificate: ['WAIT_FINSHED'] },
  WAIT_FINISHED: { finished: [] },
} as const
// @ts-expect-error a successor that is no state
export type Misspelt = Checked<typeof misspelt>
export const unheardOf = { WAIT_CERT: { certificat: [] } } as const
// @ts-expect-error an input that nobody gives
export type UnheardOf = Checked<typeof unheardOf>

describe('the diagrams of the handshakes', () => {
  for (const [name, diagram] of Object.entries({ CLIENT13, SERVER13, CLIENT12, SERVER12 })) {
    const arrows = new Map<string, ReadonlySet<string>>(
      Object.entries(diagram).map(([from, inputs]) => [from, new Set(Object.values(inputs).flat() as string[])]),
    )

    it(`${name}: every state can be reached, and from each the handshake can end`, () => {
      const [start] = arrows.keys()
      assert.deepEqual([...reachable(arrows, start as string)].sort(), [...arrows.keys()].sort())
      for (const state of arrows.keys()) {
        const ends = [...reachable(arrows, state)].some((each) => each === 'CONNECTED' || each === 'TLS12')
        assert.ok(ends, `${state} leads nowhere`)
      }
    })
  }
})

function reachable(arrows: ReadonlyMap<string, ReadonlySet<string>>, start: string): ReadonlySet<string> {
  const seen = new Set([start])
  for (const state of seen) for (const next of arrows.get(state) ?? []) seen.add(next)
  return seen
}
