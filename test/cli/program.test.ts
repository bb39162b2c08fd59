import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { backends } from 'polytls'
import { mainFile, polytls } from './command.ts'

describe('polytls', () => {
  it('shows help with examples when it is called without arguments', async () => {
    const { code, stdout, stderr } = await polytls([])
    assert.equal(code, 0)
    assert.equal(stderr, '')
    assert.match(stdout, /Examples:\n +polytls connect example\.org/)
    assert.match(stdout, /Exit codes:/)
  })

  it('shows help and its version on stdout', async () => {
    for (const words of [['--help'], ['help', 'connect'], ['connect', '--help'], ['serve', '--help']]) {
      const { code, stdout } = await polytls(words)
      assert.equal(code, 0)
      assert.match(stdout, /^Usage: polytls/)
      assert.deepEqual(
        stdout.split('\n').filter((line) => line.length > 80),
        [],
      )
    }
    const { stdout } = await polytls(['--version'])
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it('ends with 2 on an unknown command, with the nearest one and examples', async () => {
    const { code, stdout, stderr } = await polytls(['conect', 'example.org'])
    assert.equal(code, 2)
    assert.equal(stdout, '')
    assert.match(stderr, /unknown command 'conect'\n\(Did you mean connect\?\)/)
    assert.match(stderr, /Examples:/)
  })

  it('lists every backend with what it can do, for people and for scripts', async () => {
    const script = await polytls(['backends', '--json'])
    assert.equal(script.code, 0)
    const listed = JSON.parse(script.stdout) as {
      name: string
      available: boolean
      capabilities: { versions: string[] }
    }[]
    assert.deepEqual(
      listed.map(({ name, available }) => [name, available]),
      backends.map(({ name, available }) => [name, available.yes]),
    )
    const usable = listed.find(({ available }) => available)
    assert.ok(usable?.capabilities.versions.includes('TLSv1.3'))
    const person = await polytls(['backends'])
    assert.equal(person.code, 0)
    for (const { name } of backends) assert.ok(person.stdout.includes(name))
    assert.match(person.stdout, /TLS_AES_128_GCM_SHA256 +✓/)
  })

  it('gives a tour on which everything is as it should be', async () => {
    const { code, stdout, stderr } = await polytls(['tour'])
    assert.equal(code, 0, stdout + stderr)
    assert.equal(stderr, '')
    assert.equal(stdout.match(/^✓ \d {2}/gm)?.length, 9)
    assert.match(stdout, /alert protocol_version/)
    assert.match(stdout, /wrong-host/)
    assert.match(stdout, /vetoed/)
    assert.deepEqual(
      stdout.split('\n').filter((line) => [...line].length > 80),
      [],
    )
    assert.ok(!stdout.includes('\u001b'))
  })

  it('runs the tour for npm start, and any command that is given to it', async () => {
    const program = join(dirname(mainFile), 'start.js')
    assert.match((await polytls([], { program })).stdout, /A tour on real sockets/)
    assert.match((await polytls(['--version'], { program })).stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it('says which optional package is missing, and ends with 2', async () => {
    const folder = makeBareFolder()
    try {
      const root = dirname(dirname(dirname(mainFile)))
      cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
      cpSync(join(root, 'package.json'), join(folder, 'package.json'))
      const program = join(folder, 'dist/cli/main.js')
      const bare = await polytls(['--help'], { program })
      assert.equal(bare.code, 2)
      assert.match(bare.stderr, /commander is not installed\n +try: npm install commander/)
      mkdirSync(join(folder, 'node_modules'))
      const commander = dirname(fileURLToPath(import.meta.resolve('commander')))
      symlinkSync(commander, join(folder, 'node_modules/commander'), 'junction')
      const withParser = await polytls(['serve', '--port', '0'], { program })
      assert.equal(withParser.code, 2)
      assert.match(withParser.stderr, /(reflect-metadata|@peculiar\/x509) is not installed/)
      assert.match(withParser.stderr, /npm install .*@peculiar\/x509/)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

/** A folder from which no package can be found: some machines have a node_modules in the folder of temporary files. */
function makeBareFolder(): string {
  const findsPackages = (folder: string): boolean =>
    existsSync(join(folder, 'node_modules')) || (dirname(folder) !== folder && findsPackages(dirname(folder)))
  const base = [tmpdir(), homedir()].find((folder) => !findsPackages(folder))
  assert.ok(base !== undefined, 'no folder without packages')
  return mkdtempSync(join(base, 'polytls-bare-'))
}
