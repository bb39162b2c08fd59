import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { createWorkplace, type Project, repository, type Workplace } from './installed-package.ts'

describe('the package that npm would publish', () => {
  let workplace: Workplace
  /** Without koffi and without what only the command line needs. */
  let small: Project
  let full: Project
  before(() => {
    workplace = createWorkplace()
    small = workplace.install('small', { optional: false })
    full = workplace.install('full', { optional: true })
  })
  after(() => workplace[Symbol.dispose]())

  it('holds the compiled files, their sources for debuggers, and what a reader expects', () => {
    const { files } = workplace
    for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'dist/index.js', 'dist/index.d.ts']) {
      assert.ok(files.includes(name), `${name} is missing`)
    }
    for (const compiled of files.filter((path) => /^dist\/.*\.js$/.test(path))) {
      const source = compiled.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')
      assert.ok(files.includes(source), `${compiled} has no ${source}`)
    }
  })

  it('holds nothing else', () => {
    const expected = /^(?:package\.json|README\.md|LICENSE|CHANGELOG\.md|(?:src|dist)\/[a-z0-9/.-]+\.(?:ts|js|map))$/
    assert.deepEqual(
      workplace.files.filter((path) => !expected.test(path)),
      [],
    )
    assert.deepEqual(
      workplace.files.filter((path) => /test|tsbuildinfo|tsconfig/.test(path)),
      [],
    )
  })

  it('is without fault for publint', async () => {
    const bytes = readFileSync(workplace.tarball)
    const { messages, pkg } = await publint({ pack: { tarball: arrayBufferOf(bytes) }, strict: true })
    assert.deepEqual(
      messages.map((message) => formatMessage(message, pkg, { color: false })),
      [],
    )
  })

  it('is without fault for Are The Types Wrong, as a package of ECMAScript modules only', () => {
    const attw = join(repository, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const output = small.node(
      attw,
      workplace.tarball,
      '--profile',
      'esm-only',
      '--format',
      'table-flipped',
      '--no-color',
    )
    // It would have exited with 1 otherwise; this makes sure that it looked.
    const entries = Object.keys(packageFile().exports).filter((name) => name !== './package.json')
    assert.ok(entries.length >= 15)
    for (const name of entries.map((path) => `polytls${path.slice(1)}`))
      assert.match(output, new RegExp(`"${name}" +│ 🟢 \\(ESM\\) +│ 🟢 +│`))
  })

  const program = [
    "const configuration = new TLSClientConfiguration({ innerProtocols: ['h2'] })",
    "const again = configuration.with({ innerProtocols: ['h2'] })",
    'console.log(configuration.equals(again), typeof openssl.name)',
  ].join('\n')

  it('is imported from JavaScript', () => {
    const path = small.write('main.js', `import { TLSClientConfiguration, openssl } from 'polytls'\n${program}`)
    assert.equal(small.node(path), 'true string\n')
  })

  it('is required from CommonJS', () => {
    const path = small.write('main.cjs', `const { TLSClientConfiguration, openssl } = require('polytls')\n${program}`)
    // Node 20 and 22 note on stderr that they can do so; what matters is that no top-level await stands in the way.
    assert.equal(small.node(path), 'true string\n')
  })

  it('says why its first backend is not available where koffi is not installed', () => {
    const path = small.write(
      'available.js',
      "import { openssl } from 'polytls'\nconsole.log(JSON.stringify(openssl.available))",
    )
    const available = JSON.parse(small.node(path)) as { yes: boolean; reason: string }
    assert.equal(available.yes, false)
    assert.match(available.reason, /koffi/)
  })

  it('finds its first backend where koffi is installed', () => {
    const path = full.write(
      'available.js',
      "import { openssl } from 'polytls'\nconsole.log(JSON.stringify(openssl.available))",
    )
    assert.deepEqual(JSON.parse(full.node(path)), { yes: true })
  })

  for (const [moduleResolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const) {
    it(`is type-checked as ${moduleResolution} resolves it, declarations included, without the types of koffi`, () => {
      const main = `main-${moduleResolution}.ts`
      small.write(
        main,
        `import { type Backend, TLSClientConfiguration, openssl } from 'polytls'
${program}
const backend: Backend = openssl
// @ts-expect-error: a wrong type is seen, so the types were found
const wrong: number = backend.name
console.log(backend, wrong)
`,
      )
      const settings = {
        compilerOptions: {
          strict: true,
          exactOptionalPropertyTypes: true,
          noEmit: true,
          target: 'es2022',
          lib: ['es2023', 'esnext.disposable'],
          module,
          moduleResolution,
          skipLibCheck: false,
          types: ['node'],
          typeRoots: [join(repository, 'node_modules/@types')],
        },
        files: [main],
      }
      const project = small.write(`tsconfig.${moduleResolution}.json`, JSON.stringify(settings))
      small.node(join(repository, 'node_modules/typescript/bin/tsc'), '--project', project)
    })
  }

  it('is type-checked without the types of Node where a program has none, beside those of the DOM', () => {
    const main = 'browser.ts'
    small.write(
      main,
      `import { type Backend, portable, TLSClientConfiguration, TrustStore } from 'polytls/portable'
export function channelFor(authorities: string, socket: WebSocket): void {
  const backend: Backend = portable
  const trustStore = TrustStore.fromBuffer(authorities)
  const channel = backend.clientContext(new TLSClientConfiguration({ trustStore })).createBuffer('server.example')
  channel.handshake()
  socket.send(new Uint8Array(channel.processOutgoing()))
}
// @ts-expect-error: there are no types of Node
process.exit()
`,
    )
    const compilerOptions = { strict: true, noEmit: true, target: 'es2022', module: 'esnext', types: [] }
    const lib = { lib: ['es2023', 'dom', 'esnext.disposable'], moduleResolution: 'bundler', skipLibCheck: false }
    const settings = { compilerOptions: { ...compilerOptions, ...lib }, files: [main] }
    const project = small.write('tsconfig.browser.json', JSON.stringify(settings))
    small.node(join(repository, 'node_modules/typescript/bin/tsc'), '--project', project)
  })

  it('has both providers of cryptography in a program on Node', () => {
    const path = small.write(
      'providers.js',
      `import { createPortableBackend } from 'polytls'
import { portable } from 'polytls/portable'
const all = ['node', 'noble'].map((crypto) => createPortableBackend({ name: crypto, crypto }))
console.log([...all, portable].map(({ version }) => version).join())`,
    )
    assert.equal(small.node(path), 'with node,with noble,with noble\n')
  })

  it('has adapters that need no library to be installed but the one whose class they extend', () => {
    const names = Object.entries(packageFile().exports)
      .filter(([, target]) => typeof target === 'object' && target.default.includes('/adapters/'))
      .map(([path]) => `polytls${path.slice(1)}`)
    const path = small.write(
      'adapters.js',
      `for (const name of ${JSON.stringify(names)}) {
  await import(name).catch(({ code }) => console.log(name, code))
}`,
    )
    assert.ok(names.length > 8)
    assert.equal(small.node(path), 'polytls/ioredis ERR_MODULE_NOT_FOUND\n')
  })

  it('brings the command line', () => {
    const help = full.node(join('node_modules/polytls', packageFile().bin.polytls), '--help')
    for (const command of ['connect', 'serve', 'backends']) assert.match(help, new RegExp(`\\b${command}\\b`))
  })

  it('keeps what is insecure on a path of its own', () => {
    const path = small.write(
      'insecure.js',
      `import * as main from 'polytls'
import * as insecure from 'polytls/insecure'
const names = Object.keys(insecure).filter((name) => /^insecure/i.test(name))
console.log(names.length > 0, Object.keys(main).filter((name) => names.includes(name)).length)`,
    )
    assert.equal(small.node(path), 'true 0\n')
  })
})

function packageFile(): PackageFile {
  return JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))
}

interface PackageFile {
  readonly bin: { readonly polytls: string }
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
}

function arrayBufferOf(bytes: Uint8Array): ArrayBuffer {
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}
