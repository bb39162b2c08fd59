import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ConfigurationError, TLSClientConfiguration, TLSServerConfiguration, TrustStore } from 'polytls'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { loadSystemTrust, type Places, readSystemTrust } from '#polytls/trust/system.js'
import { forEachBackend } from '../support/backends.ts'
import { authority, matching } from '../support/identities.ts'

const run = promisify(execFile)
const directory = mkdtempSync(join(tmpdir(), 'polytls-trust-'))
const place = (name: string): string => join(directory, name)
const nowhere: Places = { files: [], directories: [], fromRuntime: undefined }

/** Who is in what was read, by the common names, in order. */
function namesIn(bundles: readonly Uint8Array[]): readonly string[] {
  const blocks = bundles.flatMap((bundle) =>
    [
      ...Buffer.from(bundle)
        .toString()
        .matchAll(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g),
    ].map(([block]) => block),
  )
  return blocks.map((block) => new X509Certificate(block).subject.replace('CN=', ''))
}

describe('the trust of the system', () => {
  let pem: { readonly [name in 'A' | 'B' | 'C']: string }

  before(async () => {
    const [a, b, c] = await Promise.all(['A', 'B', 'C'].map((name) => makeAuthority({ name })))
    pem = { A: a?.certificate ?? '', B: b?.certificate ?? '', C: c?.certificate ?? '' }
    writeFileSync(place('one.pem'), `# the first\n${pem.A}`)
    writeFileSync(place('two.pem'), `${pem.B}${pem.C}`)
    writeFileSync(place('empty.pem'), '')
    writeFileSync(place('text.pem'), 'no certificate here')
    mkdirSync(place('certs'))
    writeFileSync(place('certs/a.pem'), pem.A)
    symlinkSync(place('certs/a.pem'), place('certs/1a2b3c4d.0'))
    writeFileSync(place('certs/b.crt'), `\n${pem.B}\n\n`)
    writeFileSync(place('certs/README'), 'not a certificate')
    symlinkSync(place('certs/gone.pem'), place('certs/dangling.0'))
    mkdirSync(place('certs/subdirectory'))
    mkdirSync(place('more'))
    writeFileSync(place('more/c.pem'), pem.C)
    mkdirSync(place('none'))
  })
  after(() => rmSync(directory, { recursive: true }))

  it('is the first of the known files that holds any', () => {
    const files = [place('missing.pem'), place('empty.pem'), place('text.pem'), place('two.pem'), place('one.pem')]
    assert.deepEqual(namesIn(readSystemTrust({}, { ...nowhere, files })), ['B', 'C'])
  })

  it('is the first of the known directories that holds any, each certificate once, whatever else lies there', () => {
    const directories = [place('missing'), place('none'), place('certs'), place('more')]
    const found = readSystemTrust({}, { ...nowhere, directories })
    assert.deepEqual([...namesIn(found)].sort(), ['A', 'B'])
  })

  it('comes from a file rather than from a directory', () => {
    const found = readSystemTrust({}, { ...nowhere, files: [place('one.pem')], directories: [place('more')] })
    assert.deepEqual(namesIn(found), ['A'])
  })

  it('is what the runtime says, where it says something, without duplicates', () => {
    const places = { ...nowhere, files: [place('two.pem')], fromRuntime: () => [pem.A, pem.B, `${pem.A}\n`, pem.A] }
    assert.deepEqual(namesIn(readSystemTrust({}, places)), ['A', 'B'])
    assert.deepEqual(namesIn(readSystemTrust({}, { ...places, fromRuntime: () => [] })), ['B', 'C'])
  })

  it('is what SSL_CERT_FILE and SSL_CERT_DIR say, both together and instead of everything else', () => {
    const places = { files: [place('two.pem')], directories: [place('more')], fromRuntime: () => [pem.C] }
    const read = (environment: NodeJS.ProcessEnv): readonly string[] =>
      [...namesIn(readSystemTrust(environment, places))].sort()
    assert.deepEqual(read({ SSL_CERT_FILE: place('one.pem') }), ['A'])
    assert.deepEqual(read({ SSL_CERT_DIR: place('certs') }), ['A', 'B'])
    assert.deepEqual(read({ SSL_CERT_DIR: `${place('certs')}:${place('missing')}:${place('more')}` }), ['A', 'B', 'C'])
    assert.deepEqual(read({ SSL_CERT_FILE: place('two.pem'), SSL_CERT_DIR: place('certs') }), ['A', 'B', 'B', 'C'])
    assert.deepEqual(read({}), ['C'])
  })

  it('does not fall back behind what the operator set', () => {
    const places = { files: [place('two.pem')], directories: [place('more')], fromRuntime: () => [pem.C] }
    for (const environment of [
      { SSL_CERT_FILE: place('missing.pem') },
      { SSL_CERT_FILE: place('empty.pem') },
      { SSL_CERT_FILE: place('text.pem') },
      { SSL_CERT_FILE: place('certs') },
      { SSL_CERT_DIR: place('none') },
      { SSL_CERT_FILE: '', SSL_CERT_DIR: '' },
    ]) {
      assert.throws(
        () => readSystemTrust(environment, places),
        (error) => error instanceof ConfigurationError && error.field === 'trustStore',
        JSON.stringify(environment),
      )
    }
  })

  it('that is nowhere is an error that names every place that was looked at', () => {
    const files = [place('missing.pem'), place('empty.pem')]
    const directories = [place('none'), place('gone')]
    assert.throws(
      () => readSystemTrust({}, { files, directories, fromRuntime: () => [] }),
      (error) => {
        assert.ok(error instanceof ConfigurationError)
        assert.equal(error.field, 'trustStore')
        for (const each of [...files, ...directories, "tls.getCACertificates('system')"]) {
          assert.ok(error.message.includes(each), error.message)
        }
        assert.match(error.hint ?? '', /SSL_CERT_FILE/)
        return true
      },
    )
    assert.throws(
      () =>
        readSystemTrust({ SSL_CERT_FILE: place('missing.pem'), SSL_CERT_DIR: place('none') }, { ...nowhere, files }),
      (error: Error) =>
        error.message.includes(place('missing.pem')) &&
        error.message.includes(place('none')) &&
        !error.message.includes(place('empty.pem')),
    )
  })

  it('is read once in a process', (context) => {
    let first: readonly Uint8Array[]
    try {
      first = loadSystemTrust()
    } catch (error) {
      context.skip(`this machine has none: ${(error as Error).message}`)
      return
    }
    assert.equal(loadSystemTrust(), first)
    assert.ok(namesIn(first).length > 10)
  })

  it('is what a client gets that names no trust store, and what TrustStore.system() means', async () => {
    writeFileSync(place('trusted.pem'), (await authority()).certificate)
    const child = fileURLToPath(new URL('system-child.js', import.meta.url))
    const { server } = await matching()
    const { certificateChain } = new TLSServerConfiguration(server)
    const [chain] = certificateChain
    const pemOf = (source: { readonly kind: string; readonly bytes?: Uint8Array }): string =>
      Buffer.from(source.bytes as Uint8Array).toString()
    const identity = { certificate: pemOf(chain?.leaf.source as never), key: pemOf(chain?.key.source as never) }
    const { PATH } = process.env
    const tellOf = async (environment: NodeJS.ProcessEnv): Promise<Record<string, Record<string, string>>> => {
      const { stdout } = await run(process.execPath, [child, JSON.stringify(identity)], {
        env: { PATH, ...environment },
      })
      return JSON.parse(stdout)
    }
    const trusted = await tellOf({ SSL_CERT_FILE: place('trusted.pem') })
    assert.ok(Object.keys(trusted).length > 0)
    for (const [backend, endings] of Object.entries(trusted)) {
      assert.deepEqual(endings, { 'no trust store': 'verified', 'TrustStore.system()': 'verified' }, backend)
    }
    for (const endings of Object.values(await tellOf({ SSL_CERT_FILE: place('one.pem') }))) {
      assert.deepEqual(new Set(Object.values(endings)), new Set(['CertificateError unknown-issuer']))
    }
    for (const endings of Object.values(await tellOf({ SSL_CERT_FILE: place('missing.pem') }))) {
      for (const each of Object.values(endings)) {
        assert.ok(each.startsWith('ConfigurationError trustStore'), each)
        assert.ok(each.includes(place('missing.pem')), each)
      }
    }
  })
})

forEachBackend('the trust of the system', (backend) => {
  it('makes a context, or the error says where it was looked for', () => {
    const configuration = new TLSClientConfiguration({ trustStore: TrustStore.system() })
    try {
      assert.equal(backend.clientContext(configuration).configuration, configuration)
    } catch (error) {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /looked at/)
    }
  })
})
