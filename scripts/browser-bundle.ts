/**
 * `npm run size`: bundles `polytls/portable` for a browser and prints how large that is. The tests bundle with the same function, so
 * what they check is what a program would ship.
 */
import { argv } from 'node:process'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

export interface Bundle {
  readonly text: string
  /** Every module in it, as a path from the root of this repository. */
  readonly modules: readonly string[]
  /** Bytes, minified, and as a server would send them. */
  readonly size: { readonly minified: number; readonly gzip: number; readonly brotli: number }
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Fails where a module is reached that a browser does not have: those of Node, or native code. */
export async function bundleForBrowser(source: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: root, loader: 'ts' },
    absWorkingDir: root,
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
  const [output] = outputFiles
  if (output === undefined) throw new Error('the bundle is missing')
  const { contents, text } = output
  return {
    text,
    modules: Object.keys(metafile.inputs).filter((path) => path !== '<stdin>'),
    size: {
      minified: contents.length,
      gzip: gzipSync(contents, { level: 9 }).length,
      brotli: brotliCompressSync(contents).length,
    },
  }
}

/** The whole entry, what a client takes of it, and its parts: cryptography alone, and words alone, which no program has without a backend. */
export const portableSources = {
  'polytls/portable, everything': "export * from 'polytls/portable'",
  'what a program with a client needs of it':
    "export { portable, TLSClientConfiguration, TrustStore } from 'polytls/portable'",
  'of that, the noble provider': "export * from '#polytls/crypto/noble/provider.js'",
  'of that, configurations, errors and registries': "export * from '#polytls/vocabulary.js'",
} as const

if (argv[1] === fileURLToPath(import.meta.url)) {
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`
  for (const [name, source] of Object.entries(portableSources)) {
    const { minified, gzip, brotli } = (await bundleForBrowser(source)).size
    console.log(`${name}: ${kilobytes(minified)} minified, ${kilobytes(gzip)} gzip, ${kilobytes(brotli)} brotli`)
  }
}
