import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execPath } from 'node:process'
import { describe, it } from 'node:test'
import { pages, read, repository } from './repository.ts'

const timeoutMilliseconds = 60_000

describe('the code in the written pages', () => {
  it('is accepted by the compiler, and runs where the page says so', () => {
    const folder = mkdtempSync(join(repository, 'build', 'code-in-pages-'))
    try {
      const blocks = pages().flatMap(({ path, text }) => blocksOf(path, text))
      assert.ok(blocks.length >= 4, 'at least what the README shows')
      for (const { name, code } of blocks) writeFileSync(join(folder, `${name}.ts`), `${code}\nexport {}\n`)
      const settings = {
        extends: '../../tsconfig.base.json',
        compilerOptions: { rootDir: '.', outDir: 'out', noUnusedLocals: false },
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings))
      run('node_modules/typescript/bin/tsc', '--project', folder)
      for (const { name } of blocks.filter(({ runs }) => runs)) run(join(folder, 'out', `${name}.js`))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('the examples', () => {
  const examples = readdirSync(join(repository, 'examples')).filter((name) => /^\/\/ /.test(read(`examples/${name}`)))
  it('are there, each with what it prints', () => {
    assert.ok(examples.length >= 7)
    for (const name of examples) assert.notEqual(printedBy(name), undefined, `${name} does not end with what it prints`)
  })

  for (const name of examples) {
    it(`${name} prints what it says`, () => {
      const path = join(repository, 'build', 'examples', name.replace(/\.ts$/, '.js'))
      const { status, stdout, stderr } = spawnSync(execPath, [path], { encoding: 'utf8', timeout: timeoutMilliseconds })
      assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: printedBy(name), stderr: '' })
    })
  }
})

/** Blocks that are marked `ts`, and those marked `ts run`. */
function blocksOf(path: string, text: string): readonly { name: string; code: string; runs: boolean }[] {
  return [...text.matchAll(/^```ts( run)?\n([\s\S]*?)^```$/gm)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length + 1
    return {
      name: `${path.replace(/[^a-zA-Z0-9]+/g, '-')}-line-${line}`,
      code: match[2] ?? '',
      runs: match[1] !== undefined,
    }
  })
}

/** An example ends with a comment that says what it prints. */
function printedBy(name: string): string | undefined {
  const comment = /\n\/\/ Prints:\n((?:\/\/ .*\n)+)$/.exec(read(`examples/${name}`))?.[1]
  return comment?.replace(/^\/\/ /gm, '')
}

function run(...parameters: readonly string[]): void {
  const options = { cwd: repository, encoding: 'utf8', timeout: timeoutMilliseconds } as const
  const { status, stdout, stderr } = spawnSync(execPath, parameters, options)
  assert.equal(status, 0, `${parameters.join(' ')}:\n${stdout}${stderr}`)
}
