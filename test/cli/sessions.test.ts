import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Files, makeFiles, polytls, serve } from './command.ts'

describe('sessions on the command line', () => {
  let files: Files

  before(async () => {
    files = await makeFiles()
  })
  after(() => files.remove())

  it('a session goes from one call to the next, with early data, which an echo answers', async () => {
    const server = await serve(['--early-data', '1000'])
    try {
      const to = ['connect', `localhost:${server.port}`, '--ca', server.ca]
      const file = join(files.folder, 'session')
      const first = await polytls([...to, '--session-out', file, '--json'])
      assert.equal(first.code, 0, first.stdout + first.stderr)
      assert.equal(JSON.parse(first.stdout).resumed, false)
      if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
      const before = readFileSync(file)

      const early = files.write('early', 'a question')
      const second = await polytls([...to, '--session-in', file, '--session-out', file, '--early-data', early], {
        input: ' and more',
      })
      assert.equal(second.code, 0, second.stderr)
      assert.equal(second.stdout, 'a question and more')
      assert.match(second.stderr, /session +resumed/)
      assert.match(second.stderr, /early data +accepted/)
      assert.notDeepEqual(readFileSync(file), before)
      await server.logged(/resumed {2}early data accepted/)

      const third = await polytls([...to, '--session-in', file, '--json'])
      assert.equal(JSON.parse(third.stdout).resumed, true)
      const elsewhere = await polytls([...to, '--session-in', file, '--sni', '127.0.0.1', '--json'])
      assert.equal(JSON.parse(elsewhere.stdout).resumed, false)
    } finally {
      await server.stop()
    }
  })

  it("a session that cannot be written is told of, and one in a file that others could read is the owner's alone", async () => {
    const server = await serve([])
    try {
      const to = ['connect', `localhost:${server.port}`, '--ca', server.ca, '--session-out']
      for (const more of [[], ['--json'], ['--interactive']]) {
        const failed = await polytls([...to, join(files.folder, 'nowhere', 'session'), ...more], { input: '' })
        assert.equal(failed.code, 2, failed.stderr)
        assert.match(failed.stdout + failed.stderr, /--session-out: .*nowhere.* cannot\s+be\s+written:\s+ENOENT/)
        assert.doesNotMatch(failed.stderr, /\n {4}at /)
      }
      const file = files.write('open', 'for all')
      chmodSync(file, 0o644)
      const { code } = await polytls([...to, file])
      assert.equal(code, 0)
      if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
    } finally {
      await server.stop()
    }
  })

  it('a key from a file takes the place of certificates', async () => {
    const line = (identity: string): string => `${identity}:${randomBytes(32).toString('hex')}`
    const mine = line('a:device')
    const keys = files.write('keys', `# some keys\n${line('other')}\n${mine}\n`)
    const key = files.write('key', mine)
    const server = await serve(['--psk', keys])
    try {
      const to = ['connect', `localhost:${server.port}`, '--json', '--psk']
      const good = await polytls([...to, key])
      const report = JSON.parse(good.stdout)
      assert.deepEqual([good.code, report.preSharedKey, report.verified, report.chain], [0, 'a:device', true, []])
      await server.logged(/by the key a:device/)
      const unknown = await polytls([...to, files.write('unknown', line('nobody')), '--ca', server.ca])
      assert.equal(JSON.parse(unknown.stdout).preSharedKey, null)
    } finally {
      await server.stop()
    }
  })

  it('says what is wrong with a file, and shows no key', async () => {
    const to = ['connect', 'localhost:1']
    for (const [words, message] of [
      [['--session-in', files.write('no-session', 'x')], /holds no session/],
      [['--session-in', join(files.folder, 'missing')], /cannot be read: ENOENT/],
      [['--early-data', files.write('data', 'x')], /needs a session/],
      [['--psk', files.write('broken', 'identity:secret')], /line 1 of .* is not IDENTITY:HEX/],
      [['--psk', files.write('empty', '# nothing\n')], /holds no key/],
    ] as const) {
      const { code, stderr } = await polytls([...to, ...words])
      assert.equal(code, 2, stderr)
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /secret/)
    }
  })
})
