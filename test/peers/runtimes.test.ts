import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bundleForBrowser } from '../../scripts/browser-bundle.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { startSServer } from './support/openssl.ts'
import { taskFor, testReport } from './support/portable-report.ts'
import { Program, run } from './support/program.ts'
import { Site } from './support/site.ts'

const runtimes = [
  { name: 'bun', options: ['run'], userAgent: /^Bun\/\d/ },
  { name: 'deno', options: ['run', '--allow-all', '--quiet'], userAgent: /^Deno\/\d/ },
] as const

for (const { name, options, userAgent } of runtimes) {
  describe(`polytls in ${name}`, () => {
    it('speaks through sockets with each backend, but for the OpenSSL inside Node and the TLS inside Windows', async () => {
      const child = fileURLToPath(new URL('support/runtime-child.js', import.meta.url))
      const { code, report } = await run(name, [...options, child])
      assert.equal(code, 0, report)
      const lines = report
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as { readonly name: string; readonly unavailable?: string })
      const unavailable = lines.filter(({ unavailable: reason }) => reason !== undefined)
      assert.deepEqual(
        unavailable.map((each) => each.name),
        ['openssl', 'schannel'],
      )
      const spoke = ['openssl-system', 'portable', 'portable-noble'].flatMap((backend) =>
        ['TLSv1.2', 'TLSv1.3'].map((version) => ({ name: backend, version, verified: true, received: 300_000 })),
      )
      assert.deepEqual(
        lines.filter(({ unavailable: reason }) => reason === undefined),
        spoke,
      )
    })

    describe('polytls/portable, as a browser has it', () => {
      const folder = mkdtempSync(join(tmpdir(), 'polytls-runtime-'))
      let identities: Identities
      let started: { readonly peer: Program; readonly site: Site; readonly program: Program }
      before(async () => {
        identities = await makeIdentities()
        const peer = await startSServer(identities, ['-rev'], { kind: 'rsa-2048' })
        const site = await Site.start('', taskFor(identities), peer.port)
        const call = `await runProgram(${JSON.stringify(site.address)}, ${JSON.stringify(name)})`
        const { text } = await bundleForBrowser(`import { runProgram } from './test/peers/browser/program.ts'\n${call}`)
        const path = join(folder, 'program.mjs')
        writeFileSync(path, text)
        started = { peer, site, program: new Program(name, [...options, path]) }
      })
      after(async () => {
        await started.program.stop()
        await started.peer.stop()
        await started.site[Symbol.asyncDispose]()
        identities.remove()
        rmSync(folder, { recursive: true })
      })

      testReport(name, userAgent, () =>
        started.site.report(name).catch((error: Error) => {
          throw new Error(`it printed: ${started.program.report}`, { cause: error })
        }),
      )
    })
  })
}
