import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { schannel } from 'polytls'
import { polytls } from '../cli/command.ts'

const needsTLS13 = schannel.available.yes && schannel.capabilities.versions.includes('TLSv1.3')

/** Steps that Wine 8 cannot take, and why. A real Windows takes all: whoever runs this there sees it fail, and takes this list away. */
const beyondWine: ReadonlyMap<number, string> = new Map([
  [
    3,
    'it does not heed which versions are disabled, so that TLS 1.3 is chosen, and the client refuses it without the alert',
  ],
  [5, 'it has one status for every alert, and does not tell the end of TLS 1.3'],
  [8, 'it answers a close_notify of TLS 1.3 as it answers a record without data, so that plain text never returns'],
])

describe('the guided tour with schannel', { skip: needsTLS13 ? false : 'the tour is of TLS 1.3' }, () => {
  it('takes every step that Wine can', async () => {
    const { stdout, stderr } = await polytls(['tour', '--backend', 'schannel'])
    for (let step = 1; step <= 9; step++) {
      const mark = beyondWine.has(step) ? '✗' : '✓'
      assert.match(stdout, new RegExp(`^${mark} ${step} {2}`, 'm'), stdout + stderr)
    }
    assert.match(stdout, /TLSv1\.3 · TLS_/)
    assert.match(stdout, /wrong-host/)
  })
})
