import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schannel } from 'polytls'
import { wineVersion } from '../../scripts/wine-version.ts'
import { polytls } from '../cli/command.ts'

const needsTLS13 = schannel.available.yes && schannel.capabilities.versions.includes('TLSv1.3')

const isWine = schannel.available.yes && wineVersion() !== undefined
const notHere = !needsTLS13
  ? 'the tour is of TLS 1.3'
  : isWine && schannel.capabilities.roles.includes('server')
    ? 'the servers of the tour have keys on elliptic curves, of which Wine imports none'
    : false

/** Steps that Wine 8 cannot take, and why. A real Windows takes all. */
const beyondWine: ReadonlyMap<number, string> = new Map([
  [
    3,
    'it does not heed which versions are disabled, so that TLS 1.3 is chosen, and the client refuses it without the alert',
  ],
  [5, 'it has one status for every alert, and does not tell the end of TLS 1.3'],
  [8, 'it answers a close_notify of TLS 1.3 as it answers a record without data, so that plain text never returns'],
])

describe('the guided tour with schannel', { skip: notHere }, () => {
  it('takes every step that Wine can', async () => {
    const { stdout, stderr } = await polytls(['tour', '--backend', 'schannel'])
    for (let step = 1; step <= 9; step++) {
      const mark = isWine && beyondWine.has(step) ? '✗' : '✓'
      assert.match(stdout, new RegExp(`^${mark} ${step} {2}`, 'm'), stdout + stderr)
    }
    assert.match(stdout, /TLSv1\.3 · TLS_/)
    assert.match(stdout, /wrong-host/)
  })
})
