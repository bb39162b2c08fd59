import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type CertificateCodec, CertificateCompression, createPortableBackend } from 'polytls'
import { nodeCertificateCodecs } from '#polytls/compression/node.js'
import { only } from '../support/backends.ts'
import { OwnServer } from './support/endpoints.ts'
import { serveHTTP } from './support/http.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { Program } from './support/program.ts'

// Debian's OpenSSL, GnuTLS and curl are built without any compression. Browsers undo brotli.

describe('compressed certificates and Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'polytls-compression-'))
  let identities: Identities
  before(async () => {
    identities = await makeIdentities()
  })
  after(() => {
    identities.remove()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })

  for (const version of ['TLSv1.3', 'TLSv1.2'] as const) {
    const sent = version === 'TLSv1.3' ? [CertificateCompression.brotli] : []
    it(`${version}: it asks for brotli, and reads a page of our server that has sent ${sent.length === 0 ? 'nothing so' : 'it so'}`, async () => {
      const compressed: number[] = []
      const counting = nodeCertificateCodecs.map(
        (codec): CertificateCodec => ({
          ...codec,
          compress: (message) => {
            compressed.push(codec.algorithm)
            return codec.compress(message)
          },
        }),
      )
      const backend = createPortableBackend({ name: 'portable', crypto: 'node', certificateCodecs: counting })
      await using server = await OwnServer.start(backend, {
        certificateChain: [identities.server().signingChain],
        certificateCompression: [CertificateCompression.zlib, CertificateCompression.brotli],
        innerProtocols: ['http/1.1'],
        ...only(version),
      })
      // It may connect twice where the first connection takes its time, and ask on either.
      const versions = new Set<string>()
      server.server.on('secureConnection', ({ facts }) => versions.add(facts.version))
      serveHTTP(server, (_question, answer) => {
        answer.writeHead(200, { 'content-type': 'text/html' }).end('<p>what it has read</p>')
      })
      const { publicKey } = new X509Certificate(identities.server().identity.certificate)
      const pin = createHash('sha256')
        .update(publicKey.export({ type: 'spki', format: 'der' }))
        .digest('base64')
      await using chromium = new Program('chromium', [
        // Chromium has no sandbox for root, and loads nothing here but our own page.
        ...[
          '--headless=new',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-dev-shm-usage',
          `--user-data-dir=${join(folder, version)}`,
        ],
        ...['--no-first-run', '--disable-background-networking', '--disable-component-update'],
        ...[`--host-resolver-rules=MAP ${hostName} 127.0.0.1`, `--ignore-certificate-errors-spki-list=${pin}`],
        ...['--dump-dom', `https://${hostName}:${server.port}/`],
      ])
      await chromium.reports(/what it has read/)
      assert.deepEqual([...versions], [version])
      assert.deepEqual([...new Set(compressed)], sent)
    })
  }
})
