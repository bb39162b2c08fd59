import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { type CodePoint, NamedGroup, SignatureScheme } from 'polytls'
import type { Report, Task } from '../browser/task.ts'
import type { Identities, ServerKeyKind } from './identities.ts'

const { X25519MLKEM768, x25519 } = NamedGroup
const { rsa_pss_rsae_sha256 } = SignatureScheme

/** Those that the noble provider signs with, and how it does. */
const schemes = {
  'ecdsa-p256': SignatureScheme.ecdsa_secp256r1_sha256,
  'ecdsa-p384': SignatureScheme.ecdsa_secp384r1_sha384,
  ed25519: SignatureScheme.ed25519,
} satisfies { readonly [K in ServerKeyKind]?: CodePoint }

/** Defines what holds of `polytls/portable` wherever it ran. */
export function testReport(where: string, userAgent: RegExp, arrival: () => Promise<Report>): void {
  describe(`in ${where}`, () => {
    let report: Report
    before(async () => {
      report = await arrival()
    })

    it('runs to its end', () => {
      assert.equal(report.failed, undefined)
      assert.match(report.userAgent ?? '', userAgent)
    })

    it('speaks with itself in memory, over both versions, with each kind of key', () => {
      const expected = (['TLSv1.2', 'TLSv1.3'] as const).flatMap((version) =>
        Object.entries(schemes).map(([kind, signatureScheme]) => ({
          version,
          group: version === 'TLSv1.3' ? X25519MLKEM768 : x25519,
          signatureScheme,
          verified: true,
          kind,
          bytesReceived: 600_000,
        })),
      )
      assert.deepEqual(report.inMemory, expected)
    })

    it('has an RSA key of WebCrypto sign for a server', () => {
      const { version, signatureScheme, verified } = report.webCrypto ?? {}
      assert.deepEqual(
        { version, signatureScheme, verified },
        { version: 'TLSv1.3', signatureScheme: rsa_pss_rsae_sha256, verified: true },
      )
    })

    it('speaks with openssl s_server through a WebSocket', () => {
      const common = { group: x25519, signatureScheme: rsa_pss_rsae_sha256, verified: true, answer: 'stressed\n' }
      assert.deepEqual(report.overWebSocket, [
        { version: 'TLSv1.2', ...common },
        { version: 'TLSv1.3', ...common },
      ])
    })

    it('refuses what there is not in a browser, and a server that nobody vouches for', () => {
      assert.deepEqual(report.refusals, ['trustStore', 'trustStore', 'unknown-issuer'])
    })

    it('takes its time', (context) => {
      const { handshakeMilliseconds = 0, megabytesPerSecond = 0 } = report
      assert.ok(handshakeMilliseconds > 0 && megabytesPerSecond > 0)
      context.diagnostic(
        `handshake, both sides: ${handshakeMilliseconds.toFixed(1)} ms; data one way, both sides: ${megabytesPerSecond.toFixed(0)} MB/s`,
      )
    })
  })
}

export function taskFor({ server, authorityFile, strangeAuthorityFile }: Identities): Omit<Task, 'bridge'> {
  const { certificate, chain, key } = server('rsa-2048').identity
  return {
    authority: readFileSync(authorityFile, 'utf8'),
    strangeAuthority: readFileSync(strangeAuthorityFile, 'utf8'),
    servers: Object.keys(schemes).map((kind) => ({ kind, ...server(kind as keyof typeof schemes).identity })),
    rsa: {
      certificate,
      chain,
      pkcs8: createPrivateKey(key).export({ type: 'pkcs8', format: 'der' }).toString('hex'),
      spki: createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('hex'),
    },
  }
}
