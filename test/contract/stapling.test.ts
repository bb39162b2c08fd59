import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  type ClientOptions,
  ConfigurationError,
  SignatureScheme,
  type SigningChain,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { longestStapledResponseBytes } from '#polytls/channel/limits.js'
import { forEachPair, forEachVersion, has, type OneVersion } from '../support/backends.ts'
import { type Connection, connectionBetween, connectionOf, contextsFor } from '../support/connection.ts'
import { authority, makeAuthority, matching, signingChain, trusting } from '../support/identities.ts'
import { establish, resumingConnection } from '../support/resumption.ts'
import { StapledIdentity } from '../support/stapled-identities.ts'

const identity = new StapledIdentity()
const timestamps = [Buffer.from('a timestamp'), Buffer.from('another')]

forEachPair('stapling', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  for (const [field, feature] of [
    ['ocspResponse', 'ocsp-stapling'],
    ['signedCertificateTimestamps', 'certificate-timestamps'],
  ] as const) {
    if (has(serverBackend, feature)) continue
    it(`the server, which has no ${feature}, refuses it by name`, () => {
      const options = { [field]: field === 'ocspResponse' ? () => undefined : timestamps }
      const configuration = new TLSServerConfiguration({ certificateChain: [identity.chain(options)] })
      assert.throws(
        () => serverBackend.serverContext(configuration),
        (error) => error instanceof ConfigurationError && error.field === `certificateChain[0].${field}`,
      )
    })
  }
  for (const [field, feature, value] of [
    ['ocspStapling', 'ocsp-stapling', 'soft'],
    ['certificateTimestamps', 'certificate-timestamps', true],
  ] as const) {
    if (has(clientBackend, feature)) continue
    it(`the client, which has no ${feature}, refuses ${field} by name`, async () => {
      const { client } = await matching()
      assert.throws(
        () => clientBackend.clientContext(new TLSClientConfiguration({ ...client, [field]: value })),
        (error) => error instanceof ConfigurationError && error.field === field,
      )
    })
  }

  const connectionWith = (bounds: OneVersion, client: ClientOptions, chain: SigningChain): Connection =>
    connectionBetween(pairing, {
      client: { trustStore: identity.trustStore, ...bounds, ...client },
      server: { certificateChain: [chain] },
    })

  if (has(clientBackend, 'ocsp-stapling') && has(serverBackend, 'ocsp-stapling')) {
    forEachVersion(pairing, (version, bounds) => {
      const refused = async (client: ClientOptions, chain: SigningChain): Promise<CertificateError> => {
        using connection = connectionWith(bounds, client, chain)
        const endings = await connection.negotiate()
        assert.ok(endings.client instanceof CertificateError, `the client: ${String(endings.client)}`)
        assert.ok(endings.server instanceof AlertReceivedError, `the server: ${String(endings.server)}`)
        assert.equal(endings.server.alert, endings.client.alert)
        return endings.client
      }

      for (const ocspStapling of ['soft', 'hard'] as const) {
        it(`${version}: a good status is given to a client that wants one (${ocspStapling})`, async () => {
          const status = identity.status()
          using connection = connectionWith(bounds, { ocspStapling }, identity.chain({ ocspResponse: () => status }))
          await connection.establish()
          assert.deepEqual(hex(connection.client.facts.ocspResponse), hex(status))
          assert.equal(connection.server.facts.ocspResponse, undefined)
          assert.equal(connection.transfer('server', Buffer.from('data')).toString(), 'data')
        })

        it(`${version}: a revoked certificate is refused (${ocspStapling})`, async () => {
          const status = identity.status({ status: { revoked: '2024-06-01' } })
          const error = await refused({ ocspStapling }, identity.chain({ ocspResponse: () => status }))
          assert.equal(error.reason, 'revoked')
          assert.equal(error.alert, 'bad_certificate_status_response')
          assert.equal(error.depth, 0)
        })

        it(`${version}: a status that cannot be relied on is refused (${ocspStapling})`, async () => {
          for (const status of [
            identity.forgedStatus(),
            identity.status({ serial: 8 }),
            identity.status({ status: 'unknown' }),
            identity.status({ thisUpdate: '2024-01-01', nextUpdate: '2024-01-02' }),
            Buffer.from('no response'),
          ]) {
            const error = await refused({ ocspStapling }, identity.chain({ ocspResponse: () => status }))
            assert.equal(error.reason, 'revocation-unknown')
            assert.equal(error.alert, 'bad_certificate_status_response')
          }
        })

        it(`${version}: a certificate that promises a status is refused without (${ocspStapling})`, async () => {
          const error = await refused({ ocspStapling }, identity.chain({}, { mustStaple: true }))
          assert.equal(error.reason, 'revocation-unknown')
        })
      }

      it(`${version}: no status will do for a client that does not insist`, async () => {
        using connection = connectionWith(bounds, { ocspStapling: 'soft' }, identity.chain())
        await connection.establish()
        assert.equal(connection.client.facts.ocspResponse, undefined)
        const error = await refused({ ocspStapling: 'hard' }, identity.chain({ ocspResponse: () => undefined }))
        assert.equal(error.reason, 'revocation-unknown')
      })

      it(`${version}: a file that is empty while it is written anew is no status`, async () => {
        const chain = identity.chain({ ocspResponse: () => new Uint8Array(0) })
        using connection = await connectionWith(bounds, { ocspStapling: 'soft' }, chain).establish()
        assert.equal(connection.client.facts.ocspResponse, undefined)
      })

      it(`${version}: what the application throws, or gives and nobody can staple, fails the connection with that as cause`, async () => {
        const disk = new Error('the disk is full')
        const answers: readonly (readonly [() => unknown, RegExp])[] = [
          [
            () => {
              throw disk
            },
            /the disk is full/,
          ],
          [async () => identity.status(), /Uint8Array/],
          [() => null, /null/],
          [() => 'response.der', /string/],
          [() => new Uint8Array(identity.status()).buffer, /Uint8Array/],
          [() => new Uint8Array(16_381), /16381 bytes/],
        ]
        for (const [ocspResponse, cause] of answers) {
          const chain = identity.chain({ ocspResponse: ocspResponse as () => undefined })
          using connection = connectionWith(bounds, { ocspStapling: 'soft' }, chain)
          const { client, server } = await connection.negotiate()
          assert.ok(server instanceof BackendError, `the server: ${String(server)}`)
          assert.match(server.message, /ocspResponse failed/)
          assert.match(String(server.cause), cause)
          assert.ok(client instanceof AlertReceivedError && client.alert === 'internal_error', `the client: ${client}`)
        }
      })

      it(`${version}: a certificate that is trusted itself needs no status, whoever else is trusted or sent along`, async () => {
        for (const others of [[], [identity.root]]) {
          for (const status of [undefined, identity.status({ status: { revoked: '2024-06-01' } })]) {
            const chain = identity.chain({ ocspResponse: () => status, chain: [identity.root] })
            const trustStore = TrustStore.fromCertificates([...others, chain.leaf])
            using connection = await connectionWith(bounds, { trustStore, ocspStapling: 'hard' }, chain).establish()
            assert.deepEqual(hex(connection.client.facts.ocspResponse), hex(status))
          }
        }
      })

      it(`${version}: the longest status that there may be is given, and the longest list of timestamps beside it`, async () => {
        const status = identity.longStatus(longestStapledResponseBytes)
        const hasTimestamps = [clientBackend, serverBackend].every((each) => has(each, 'certificate-timestamps'))
        const certificateTimestamps = hasTimestamps ? [Buffer.alloc(16_384 - 2, 1)] : []
        const chain = identity.chain({
          ocspResponse: () => status,
          ...(hasTimestamps && { signedCertificateTimestamps: certificateTimestamps }),
        })
        const client = { ocspStapling: 'hard', certificateTimestamps: hasTimestamps } as const
        using connection = await connectionWith(bounds, client, chain).establish()
        const { ocspResponse, signedCertificateTimestamps } = connection.client.facts
        assert.deepEqual(hex(ocspResponse), hex(status))
        assert.deepEqual(signedCertificateTimestamps.map(hex), certificateTimestamps.map(hex))
      })

      it(`${version}: who does not ask gets none, and a promise does not matter`, async () => {
        let asked = 0
        const ocspResponse = (): Uint8Array => {
          asked++
          return identity.status()
        }
        using connection = connectionWith(bounds, {}, identity.chain({ ocspResponse }, { mustStaple: true }))
        await connection.establish()
        assert.equal(asked, 0)
        assert.equal(connection.client.facts.ocspResponse, undefined)
      })

      it(`${version}: a status is renewed without a new context`, async () => {
        let status = identity.status()
        const server = serverBackend.serverContext(
          new TLSServerConfiguration({ certificateChain: [identity.chain({ ocspResponse: () => status })] }),
        )
        // Who resumes is shown nothing.
        const options = { trustStore: identity.trustStore, ...bounds, ocspStapling: 'hard', sessions: 'none' } as const
        const client = clientBackend.clientContext(new TLSClientConfiguration(options))
        for (const nextUpdate of [undefined, new Date(Date.now() + 999_999).toISOString()]) {
          status = identity.status({ nextUpdate })
          using connection = connectionOf({ client, server })
          await connection.establish()
          assert.deepEqual(hex(connection.client.facts.ocspResponse), hex(status))
        }
      })
    })
  }

  if (has(clientBackend, 'certificate-timestamps') && has(serverBackend, 'certificate-timestamps')) {
    forEachVersion(pairing, (version, bounds) => {
      it(`${version}: certificate timestamps are passed on to a client that asks for them`, async () => {
        const chain = identity.chain({ signedCertificateTimestamps: timestamps })
        using connection = await connectionWith(bounds, { certificateTimestamps: true }, chain).establish()
        assert.deepEqual(connection.client.facts.signedCertificateTimestamps.map(hex), timestamps.map(hex))
        using other = await connectionWith(bounds, {}, chain).establish()
        assert.deepEqual(other.client.facts.signedCertificateTimestamps, [])
        using none = await connectionWith(bounds, { certificateTimestamps: true }, identity.chain()).establish()
        assert.deepEqual(none.client.facts.signedCertificateTimestamps, [])
      })

      it(`${version}: each certificate has its own timestamps, whichever it is that a server shows`, async () => {
        const { ecdsa_secp256r1_sha256: p256, ed25519 } = SignatureScheme
        const issuers = {
          'ecdsa-p256': await authority(),
          ed25519: await makeAuthority({ name: 'Another Authority', keyKind: 'ed25519' }),
        }
        const ours = async (name: string, keyKind: keyof typeof issuers, sent?: string): Promise<SigningChain> => ({
          ...signingChain(await issuers[keyKind].issue({ name, names: [name], keyKind })),
          ...(sent === undefined ? {} : { signedCertificateTimestamps: [Buffer.from(sent)] }),
        })
        const certificateChain = [
          await ours('none.test', 'ecdsa-p256'),
          await ours('both.test', 'ecdsa-p256', 'by P-256'),
          await ours('both.test', 'ed25519', 'by Ed25519'),
          await ours('other.test', 'ecdsa-p256', 'another'),
        ]
        for (const [serverName, scheme, expected] of [
          ['none.test', p256, []],
          ['both.test', p256, ['by P-256']],
          ['both.test', ed25519, ['by Ed25519']],
          ['other.test', p256, ['another']],
        ] as const) {
          const trustStore = trusting(...Object.values(issuers))
          using connection = await connectionBetween(pairing, {
            client: { trustStore, ...bounds, certificateTimestamps: true, signatureSchemes: [scheme] },
            server: { certificateChain },
            serverName,
          }).establish()
          assert.deepEqual(connection.client.facts.signedCertificateTimestamps.map(text), expected, serverName)
        }
      })

      it(`${version}: who resumes is shown none`, async () => {
        const pair = contextsFor(pairing, {
          client: { trustStore: identity.trustStore, ...bounds, certificateTimestamps: true },
          server: { certificateChain: [identity.chain({ signedCertificateTimestamps: timestamps })] },
        })
        using first = await establish(resumingConnection(pair))
        assert.equal(first.client.facts.signedCertificateTimestamps.length, 2)
        using second = await establish(resumingConnection(pair))
        assert.equal(second.client.facts.resumed, true)
        assert.deepEqual(second.client.facts.signedCertificateTimestamps, [])
      })
    })
  }
})

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex')
}
