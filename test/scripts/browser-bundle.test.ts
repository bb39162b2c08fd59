import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

test('the noble provider bundles for a browser, without any node: module', async (context) => {
  const entry = fileURLToPath(import.meta.resolve('#polytls/crypto/noble/provider.js'))
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    // A browser has no node: modules, nor the bare names of Node's own: an import of either fails the build.
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  })
  const [bundle] = outputFiles
  assert.ok(bundle)
  assert.deepEqual(
    Object.keys(metafile.inputs).filter((path) => !/(@noble\/|dist\/crypto\/)/.test(path)),
    [],
  )
  assert.doesNotMatch(bundle.text, /["']node:/)
  const kilobytes = (n: number) => `${(n / 1000).toFixed(1)} kB`
  const compressed = gzipSync(bundle.contents).length
  context.diagnostic(`minified ${kilobytes(bundle.contents.length)}, gzip ${kilobytes(compressed)}`)
  assert.ok(compressed < 60_000, `the bundle has grown to ${kilobytes(compressed)} (gzip)`)
})

test('an import of node:crypto would fail that build', async () => {
  const entry = fileURLToPath(import.meta.resolve('#polytls/crypto/node/provider.js'))
  await assert.rejects(
    build({ entryPoints: [entry], bundle: true, write: false, platform: 'browser', logLevel: 'silent' }),
  )
})
