import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { layers, layerTable, violationsOf } from '../../scripts/layers.ts'

describe('the check of layers', () => {
  const accepted: readonly (readonly [string, string, string])[] = [
    ['a lower layer', 'sockets/pump.ts', "import { TLSError } from '../errors.ts'\n"],
    ['a neighbour', 'backends/portable/client13.ts', "import { State } from './states/state.ts'\n"],
    ['node: where the design has it', 'sockets/tls-socket.ts', "import { Duplex } from 'node:stream'\n"],
    ["Node's types in an entry point", 'connections.ts', "import type { Duplex } from 'node:stream'\n"],
    ['a package where the design has it', 'backends/openssl/library.ts', "const koffi = require('koffi')\n"],
    ['a package of an allowed scope', 'crypto/noble/hash.ts', "import { sha256 } from '@noble/hashes/sha2.js'\n"],
    ['an import in a comment', 'codec/der.ts', "// import { readFileSync } from 'node:fs'\n/*\nimport 'koffi'\n*/\n"],
    ['anything in the command line', 'cli/main.ts', "import { Library } from '../backends/openssl/library.ts'\n"],
    ['a long file with its reason', 'codec/der.ts', `// over 400 lines: one table\n${'\n'.repeat(401)}`],
    ['a clock in sockets', 'sockets/server.ts', 'export const now: number = Date.now()\n'],
    ['an address with two slashes', 'codec/pem.ts', "export const source = 'https://example.org'\n"],
    ['words that contain a forbidden one', 'channel/backend.ts', "export type Feature = 'asynchronous-signing'\n"],
    ['what several share, said clearly', 'config/common-options.ts', 'export const a = 1\n'],
  ]
  for (const [name, path, text] of accepted) {
    it(`accepts ${name}`, () => assert.deepEqual(violationsOf([{ path, text }]), []))
  }

  const refused: readonly (readonly [string, string, string, RegExp, number?])[] = [
    [
      'an upper layer',
      'config/certificate.ts',
      "import { TLSBuffer } from '../channel/tls-buffer.ts'\n",
      /not channel/,
    ],
    [
      'an upper layer for its types alone',
      'codec/der.ts',
      "\nimport type { TLSBuffer } from '../channel/tls-buffer.ts'\n",
      /codec may import errors, not channel/,
      2,
    ],
    [
      'an import over several lines',
      'codec/der.ts',
      "import {\n  type A,\n  B,\n} from '../x509/certificate.ts'\n",
      /not x509/,
    ],
    ['a re-export', 'channel/facts.ts', "export * from '../x509/certificate.ts'\n", /not x509/],
    ['an import for its effect', 'channel/facts.ts', "import '../sockets/server.ts'\n", /not sockets/],
    ['an import at run time', 'channel/facts.ts', "const s = import('../sockets/server.ts')\n", /not sockets/],
    [
      'one backend in another',
      'backends/portable/client13.ts',
      "import { a } from '../openssl/names.ts'\n",
      /not backends\/openssl/,
    ],
    [
      'a provider where the contract is meant',
      'x509/certificate.ts',
      "import { a } from '../crypto/node/hash.ts'\n",
      /not crypto\/node/,
    ],
    [
      'the command line in an entry point',
      'index.ts',
      "export { run } from './cli/main.ts'\n",
      /everything but cli, not cli/,
    ],
    ['node: where Node may be missing', 'codec/der.ts', "import { Buffer } from 'node:buffer'\n", /without Node/],
    ['node: itself in an entry point', 'index.ts', "import { Duplex } from 'node:stream'\n", /without Node/],
    ["Node's types lower down", 'codec/der.ts', "import type { Duplex } from 'node:stream'\n", /without Node/],
    ['a package elsewhere', 'sockets/server.ts', "import koffi from 'koffi'\n", /these packages only: none/],
    ['a package of the same first letters', 'crypto/noble/a.ts', "import '@noblest/hashes'\n", /packages only: @noble/],
    ['a way out of src/', 'codec/der.ts', "import { a } from '../../scripts/layers.ts'\n", /leaves src/],
    ['a default export', 'codec/der.ts', 'export default 1\n', /default export/],
    ['a renamed default export', 'codec/der.ts', 'const a = 1\nexport { a as default }\n', /default export/, 2],
    ['an enum', 'codec/der.ts', 'export enum Tag { Null }\n', /enum/],
    ['a namespace', 'codec/der.ts', 'namespace Tags {}\n', /namespace/],
    ['a long file', 'codec/der.ts', '\n'.repeat(401), /401 lines/],
    [
      'a long file whose comment gives no reason',
      'codec/der.ts',
      `// over 400 lines:\n${'\n'.repeat(401)}`,
      /402 lines/,
    ],
    ['a short file with an excuse', 'codec/der.ts', '// over 400 lines: one table\n', /no excuse/],
    ['a name that says nothing', 'codec/byte-utils.ts', '', /says nothing/],
    ['a name in camel case', 'codec/byteReader.ts', '', /kebab-case/],
    ['promises below the sockets', 'channel/facts.ts', 'export async function a() {}\n', /no async/],
    ['a clock below the sockets', 'x509/time.ts', 'const now = new Date()\n', /no clock/],
    ['a timer below the sockets', 'backends/portable/a.ts', 'setTimeout(() => 0, 1)\n', /no clock/],
    ['chance below the sockets', 'backends/portable/a.ts', 'const a = Math.random()\n', /no randomness/],
  ]
  for (const [name, path, text, message, line = 1] of refused) {
    it(`refuses ${name}`, () => {
      const violations = violationsOf([{ path, text }])
      assert.equal(violations.length, 1, JSON.stringify(violations))
      assert.match(violations[0]?.message ?? '', message)
      assert.equal(violations[0]?.line, line)
    })
  }

  it('refuses a folder that the table does not know', () => {
    assert.throws(() => violationsOf([{ path: 'tools/a.ts', text: '' }]), /src\/tools\/a\.ts belongs to no layer/)
  })

  it('has a table without cycles, whose names are all known', () => {
    const below = new Set<string>()
    for (const { name, mayImport } of layers) {
      if (typeof mayImport !== 'string') {
        for (const other of mayImport) assert.ok(below.has(other), `${name} may import ${other}, which is not below it`)
      }
      below.add(name)
    }
  })

  it('prints every layer', () => {
    for (const { name } of layers) assert.ok(layerTable().includes(`| ${name} |`))
  })
})
