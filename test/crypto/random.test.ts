import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { hexOf, providersUnderTest } from './providers.ts'

for (const { crypto } of providersUnderTest) {
  describe(`random bytes, ${crypto.name}`, () => {
    for (const draw of [crypto.random, crypto.randomSecret]) {
      test(`${draw === crypto.random ? 'for what is public' : 'for secrets'}: as many as asked for, and never twice the same`, () => {
        for (const length of [0, 1, 5, 31, 32, 33, 1023, 1024, 1025, 65_537, 140_000])
          assert.equal(draw(length).length, length)
        // More than any store holds, and in pieces that do not divide it.
        const drawn = Array.from({ length: 1000 }, (_, index) => hexOf(draw(12 + (index % 21))).slice(0, 24))
        assert.equal(new Set(drawn).size, drawn.length)
      })
    }

    test('all values are about as frequent', () => {
      const counts = new Array<number>(256).fill(0)
      for (let made = 0; made < 5000; made++)
        for (const byte of crypto.random(32)) counts[byte] = (counts[byte] ?? 0) + 1
      // 625 are expected of each; ten standard deviations are 250.
      for (const count of counts) assert.ok(count > 375 && count < 875, `${count} of 160,000`)
    })

    test('belong to whoever drew them', () => {
      const kept = crypto.random(16)
      const before = hexOf(kept)
      for (let made = 0; made < 200; made++) crypto.random(16).fill(0)
      assert.equal(hexOf(kept), before)
      assert.ok(kept.buffer.byteLength < 1024, 'nobody else draws from the same memory')
    })
  })
}

test('processes that start from one snapshot draw different bytes, whatever was drawn while it was made', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'polytls-'))
  context.after(() => rmSync(directory, { recursive: true }))
  const [program, blob] = [join(directory, 'program.cjs'), join(directory, 'blob')]
  const random = fileURLToPath(import.meta.resolve('#polytls/crypto/node/random.js'))
  await build({
    stdin: {
      contents: `import { nodeRandom } from ${JSON.stringify(random)}
        import { startupSnapshot } from 'node:v8'
        const hex = () => Buffer.from(nodeRandom(16)).toString('hex')
        const before = hex()
        startupSnapshot.setDeserializeMainFunction(() => console.log(JSON.stringify({ before, now: hex() })))`,
      resolveDir: directory,
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: program,
  })
  const run = promisify(execFile)
  await run(execPath, ['--snapshot-blob', blob, '--build-snapshot', program])
  const [one, other] = await Promise.all(
    [1, 2].map(async () => JSON.parse((await run(execPath, ['--snapshot-blob', blob])).stdout)),
  )
  assert.equal(one.before, other.before, 'both start from what was drawn before')
  assert.equal(new Set([one.before, one.now, other.now]).size, 3)
})
