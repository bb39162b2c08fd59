import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import * as main from 'polytls'
import * as portable from 'polytls/portable'
import * as vocabulary from '#polytls/vocabulary.js'
import { bundleForBrowser, portableSources } from '../../scripts/browser-bundle.ts'

const wholeEntry = portableSources['polytls/portable, everything']

describe('polytls/portable bundled for a browser', () => {
  it('reaches no module of Node, no native code, and no package but the noble ones', async () => {
    const { text, modules } = await bundleForBrowser(wholeEntry)
    assert.ok(modules.length > 100)
    const foreign = modules.filter((path) => !/^(?:dist\/|node_modules\/@noble\/)/.test(path))
    assert.deepEqual(foreign, [])
    const ofNode =
      /^dist\/(?:sockets|trust|keys|compat|cli|crypto\/node|backends\/(?:openssl|schannel))\/|^dist\/(?:index|backends)\.js/
    assert.deepEqual(
      modules.filter((path) => ofNode.test(path)),
      [],
    )
    assert.doesNotMatch(text, /["']node:|koffi|\brequire\(|\bBuffer\b|\bprocess\.(?!emitWarning)/)
  })

  it('would fail where something of Node was reached', async () => {
    for (const module of ['crypto/node/provider.js', 'index.js', 'backends/openssl/backend.js']) {
      await assert.rejects(bundleForBrowser(`export * from '#polytls/${module}'`), /Could not resolve "node:/)
    }
  })

  it('has about the size that its page says', async () => {
    const page = readFileSync(new URL('../../../docs/portable/README.md', import.meta.url), 'utf8')
    const said = /(\d+) kB minified, (\d+) kB with gzip/.exec(page)
    assert.ok(said, 'the page says no size')
    const { size } = await bundleForBrowser(wholeEntry)
    for (const [index, bytes] of [size.minified, size.gzip].entries()) {
      const kilobytes = Number(said[index + 1])
      assert.ok(Math.abs(bytes / 1000 / kilobytes - 1) < 0.2, `the page says ${kilobytes} kB; it is ${bytes} bytes`)
    }
  })

  it('shares its classes with the main entry, so that what one makes the other takes', () => {
    const [ofPortable, ofMain] = [new Map(Object.entries(portable)), new Map(Object.entries(main))]
    for (const [name, value] of Object.entries(vocabulary)) {
      assert.equal(ofPortable.get(name), value, name)
      assert.equal(ofMain.get(name), value, name)
    }
  })
})
