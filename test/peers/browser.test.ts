import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import { bundleForBrowser } from '../../scripts/browser-bundle.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { startSServer } from './support/openssl.ts'
import { taskFor, testReport } from './support/portable-report.ts'
import { Program } from './support/program.ts'
import { Site } from './support/site.ts'

describe('polytls/portable in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polytls-browser-'))
  let identities: Identities
  let started: { readonly peer: Program; readonly site: Site; readonly chromium: Program }
  before(async () => {
    identities = await makeIdentities()
    const peer = await startSServer(identities, ['-rev'], { kind: 'rsa-2048' })
    const { text } = await bundleForBrowser(
      "import { runProgram } from './test/peers/browser/program.ts'\nawait runProgram()",
    )
    const site = await Site.start(text, taskFor(identities), peer.port)
    const chromium = new Program('chromium', [
      // Chromium has no sandbox for root, and runs nothing here but our own page.
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${folder}`],
      ...['--no-first-run', '--disable-background-networking', '--disable-component-update', site.address],
    ])
    started = { peer, site, chromium }
  })
  after(async () => {
    await started.chromium.stop()
    await started.peer.stop()
    await started.site[Symbol.asyncDispose]()
    identities.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  for (const where of ['page', 'worker']) {
    testReport(`a ${where}`, /Chrome\/\d+/, () =>
      started.site.report(where).catch((error: Error) => {
        throw new Error(`Chromium printed: ${started.chromium.report}`, { cause: error })
      }),
    )
  }
})
