import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { execPath } from 'node:process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

/** The developers' commands, as compiled, and options that each cannot read. */
const commands: readonly (readonly [name: string, path: string, ...refused: readonly (readonly string[])[]])[] = [
  ['bench', 'bench/run.js', ['--backends', 'none']],
  ['leak', 'scripts/leak.js', ['many'], ['0']],
  ['fuzz', 'test/fuzz/run.js', ['--inputs', 'abc'], ['--inputs', '0']],
  ['conformance:bogo', 'scripts/conformance-bogo.js', ['--crypto', 'none'], ['--workers', '0']],
  ['conformance:limbo', 'scripts/conformance-limbo.js', ['--profile', 'lax']],
  ['conformance:wycheproof', 'scripts/conformance-wycheproof.js', ['--provider', 'none']],
]

const run = (path: string, words: readonly string[]) => {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  return spawnSync(execPath, [file, ...words], { encoding: 'utf8', timeout: 60_000 })
}

for (const [name, path, ...refused] of commands) {
  describe(`npm run ${name}`, () => {
    it('says how it is used', () => {
      const { status, stdout, stderr } = run(path, ['--help'])
      assert.deepEqual([status, stderr], [0, ''])
      assert.match(stdout, new RegExp(`^usage: npm run ${name}\\b`))
    })

    for (const words of [['--no-such-option'], ...refused]) {
      it(`does nothing with ${words.join(' ')}, and says so`, () => {
        const { status, stdout, stderr } = run(path, words)
        assert.deepEqual([status, stdout], [2, ''])
        assert.match(stderr, new RegExp(`\nusage: npm run ${name}\\b`))
      })
    }
  })
}
