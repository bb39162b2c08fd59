import assert from 'node:assert/strict'
import process from 'node:process'
import { it } from 'node:test'
import {
  AlertReceivedError,
  type Backend,
  CipherSuite,
  type ClientOptions,
  type CodePoint,
  type CommonOptions,
  ConfigurationError,
  cipherSuiteName,
  isTLS13Suite,
  NamedGroup,
  type NegotiatedVersion,
  NegotiationError,
  namedGroupName,
  SignatureScheme,
  type SigningChain,
  signatureSchemeName,
  TLSClientConfiguration,
} from 'polytls'
import {
  assertKeyRefused,
  assertSchemesRefused,
  choosesSchemes,
  forEachBackend,
  forEachPair,
  forEachVersion,
  has,
  inCommon,
  type OneVersion,
  only,
  signsEd25519,
  signsRSA,
  signsWith,
  steadyKey,
} from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import {
  anyKeyKind,
  authority,
  clientIdentity,
  matching,
  serverIdentity,
  signingChain,
  trusting,
} from '../support/identities.ts'
import { encipheringIdentity, identityForScheme } from '../support/scheme-identities.ts'

// leastSecure warns at every context, and there are hundreds of them here.
process.removeAllListeners('warning')

/** Suites whose tag of eight bytes policies other than `leastSecure` may find too weak. */
const shortTag: ReadonlySet<CodePoint> = new Set([
  CipherSuite.TLS_AES_128_CCM_8_SHA256,
  CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
  CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8,
])

/** Groups that TLS 1.2 can use with its ECDHE suites. RFC 8422; the others are for TLS 1.3 alone. */
const ofTLS12: ReadonlySet<CodePoint> = new Set([
  NamedGroup.secp256r1,
  NamedGroup.secp384r1,
  NamedGroup.secp521r1,
  NamedGroup.x25519,
  NamedGroup.x448,
])

const versionOf = (suite: CodePoint): NegotiatedVersion => (isTLS13Suite(suite) ? 'TLSv1.3' : 'TLSv1.2')

forEachPair('parameters', (pairing) => {
  const speakBoth = (version: NegotiatedVersion): boolean =>
    [pairing.clientBackend, pairing.serverBackend].every((each) => each.capabilities.versions.includes(version))

  for (const suite of inCommon(pairing, 'ciphers')) {
    if (!speakBoth(versionOf(suite))) continue
    it(`the suite ${cipherSuiteName(suite)} is agreed and carries data`, async () => {
      // What is not in the registry is of old, and only for who asks for it by name.
      const isOld = cipherSuiteName(suite).startsWith('0x') || shortTag.has(suite)
      const options = { ciphers: [suite], ...(isOld && { policy: 'leastSecure' as const }) }
      if (/RSA/.test(cipherSuiteName(suite)) && !signsRSA(pairing.serverBackend)) {
        assertKeyRefused(pairing.serverBackend, signingChain(await encipheringIdentity()))
        return
      }
      const certificateChain = await chainsFor(pairing.serverBackend, suite)
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(await authority()), ...options },
        server: { certificateChain, ...options },
      })
      await connection.establish()
      for (const { facts } of [connection.client, connection.server]) {
        assert.equal(facts.cipherSuite, suite)
        assert.equal(facts.version, versionOf(suite))
      }
      assert.equal(connection.transfer('client', Buffer.alloc(40_000, 'u')).toString(), 'u'.repeat(40_000))
      assert.equal(connection.transfer('server', Buffer.alloc(40_000, 'd')).toString(), 'd'.repeat(40_000))
    })
  }

  forEachVersion(pairing, (version, bounds) => {
    for (const group of inCommon(pairing, 'groups')) {
      if (version === 'TLSv1.2' && !ofTLS12.has(group)) continue
      it(`${version}: the group ${namedGroupName(group)} is agreed`, async () => {
        // The groups also say which curves a certificate may have in TLS 1.2.
        const { client, server } = await matching(steadyKey(pairing.serverBackend).kind)
        using connection = connectionBetween(pairing, {
          client: { ...client, ...bounds, groups: [group] },
          server: { ...server, groups: [group] },
        })
        await connection.establish()
        assert.equal(connection.client.facts.group, group)
        assert.equal(connection.server.facts.group, group)
      })
    }

    for (const scheme of inCommon(pairing, 'signatureSchemes')) {
      if (version === 'TLSv1.3' && isPKCS1(scheme)) continue
      it(`${version}: the scheme ${signatureSchemeName(scheme)} proves the server's key`, async () => {
        const identity = await identityForScheme(scheme)
        if (!signsWith(pairing.serverBackend, scheme)) {
          assertKeyRefused(pairing.serverBackend, signingChain(identity))
          return
        }
        using connection = connectionBetween(pairing, {
          client: { ...bounds, trustStore: trusting(identity), signatureSchemes: [scheme] },
          server: { certificateChain: [signingChain(identity)] },
        })
        await connection.establish()
        assert.equal(connection.client.facts.signatureScheme, scheme)
        assert.equal(connection.server.facts.signatureScheme, scheme)
      })

      it(`${version}: the scheme ${signatureSchemeName(scheme)} proves the client's key`, async () => {
        const identity = await identityForScheme(scheme)
        if (!signsWith(pairing.clientBackend, scheme)) {
          assertKeyRefused(pairing.clientBackend, signingChain(identity))
          return
        }
        // The server's own key needs one as well, and one that no key of the client could use instead.
        const isECDSA = signatureSchemeName(scheme).startsWith('ecdsa')
        const ecdsa = { kind: 'ecdsa-p256', scheme: SignatureScheme.ecdsa_secp256r1_sha256 } as const
        const { kind, scheme: own } = isECDSA ? steadyKey(pairing.serverBackend) : ecdsa
        const { client, server } = await matching(kind)
        using connection = connectionBetween(pairing, {
          client: { ...client, ...bounds, certificateChain: signingChain(identity) },
          server: {
            ...server,
            clientAuthentication: 'required',
            trustStore: trusting(identity),
            signatureSchemes: [scheme, own],
          },
        })
        await connection.establish()
        assert.equal(connection.server.facts.signatureScheme, scheme)
      })
    }

    for (const kind of ['rsa-2048', 'rsa-3072', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'ed25519'] as const) {
      it(`${version}: a server proves a key of the kind ${kind}, without any setting`, async () => {
        const { client, server } = await matching(kind)
        const { serverBackend } = pairing
        if (kind.startsWith('rsa') && !signsRSA(serverBackend)) {
          return assertKeyRefused(serverBackend, server.certificateChain[0])
        }
        if (kind === 'ed25519' && !signsEd25519(serverBackend)) {
          return assertKeyRefused(serverBackend, server.certificateChain[0])
        }
        using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
        await connection.establish()
        assert.equal(connection.client.facts.verified, true)
      })
    }

    it(`${version}: the server's order of suites decides`, async () => {
      const { client, server } = await matching('ecdsa-p256')
      const [first, second] = suitesOf(version)
      for (const order of [
        [first, second],
        [second, first],
      ]) {
        using connection = connectionBetween(pairing, {
          client: { ...client, ...bounds, ciphers: [first, second] },
          server: { ...server, ciphers: order },
        })
        await connection.establish()
        assert.equal(connection.client.facts.cipherSuite, order[0])
      }
    })

    it(`${version}: a group other than the client's first guess is agreed`, async () => {
      const { client, server } = await matching(steadyKey(pairing.serverBackend).kind)
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, groups: [NamedGroup.x25519, NamedGroup.secp384r1] },
        server: { ...server, groups: [NamedGroup.secp384r1] },
      })
      await connection.establish()
      assert.equal(connection.client.facts.group, NamedGroup.secp384r1)
      assert.equal(connection.server.facts.group, NamedGroup.secp384r1)
    })

    for (const { what, subject, client, server } of nothingInCommon(version, bounds)) {
      it(`${version}: no ${what} in common is refused by the server, and the client hears so`, async () => {
        if (client.signatureSchemes !== undefined && !choosesSchemes(pairing.clientBackend)) {
          return assertSchemesRefused(pairing.clientBackend)
        }
        const options = await matching('ecdsa-p256')
        using connection = connectionBetween(pairing, {
          client: { ...options.client, ...client },
          server: { ...options.server, ...server },
        })
        const endings = await connection.negotiate()
        assert.ok(endings.server instanceof NegotiationError, String(endings.server))
        assert.ok(subject.includes(endings.server.subject), endings.server.subject)
        assert.equal(endings.server.alert, 'handshake_failure')
        assert.ok(endings.client instanceof AlertReceivedError, String(endings.client))
        assert.equal(endings.client.alert, 'handshake_failure')
      })
    }

    it(`${version}: a client without a scheme for the server's request sends no certificate, or is refused`, async () => {
      const { clientBackend, serverBackend } = pairing
      const identity = signingChain(await clientIdentity('ed25519'))
      if (!signsEd25519(clientBackend)) return assertKeyRefused(clientBackend, identity)
      if (!choosesSchemes(serverBackend)) return assertSchemesRefused(serverBackend)
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: identity },
        server: {
          ...server,
          clientAuthentication: 'required',
          trustStore: client.trustStore,
          signatureSchemes: [SignatureScheme.ecdsa_secp256r1_sha256],
        },
      })
      const endings = await connection.negotiate()
      assert.ok(endings.server instanceof Error, String(endings.server))
      assert.ok(endings.client instanceof Error, String(endings.client))
    })
  })

  it('mostSecure on both sides agrees on TLS 1.3 with 256 bits', async () => {
    if (!speakBoth('TLSv1.3')) return
    const { client, server } = await matching()
    const policy = 'mostSecure'
    using connection = connectionBetween(pairing, { client: { ...client, policy }, server: { ...server, policy } })
    await connection.establish()
    const { version, cipherSuite } = connection.client.facts
    assert.equal(version, 'TLSv1.3')
    assert.ok(
      cipherSuite === CipherSuite.TLS_AES_256_GCM_SHA384 || cipherSuite === CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
    )
  })
})

forEachBackend('parameters', (backend) => {
  for (const [field, registry] of [
    ['ciphers', CipherSuite],
    ['groups', NamedGroup],
    ['signatureSchemes', SignatureScheme],
  ] as const) {
    for (const [name, codePoint] of Object.entries(registry)) {
      if (backend.capabilities[field].includes(codePoint)) continue
      it(`${name}, which it does not have, is refused by name`, async () => {
        await assertRefusedByName(backend, { [field]: [codePoint] }, `${field}[0]`, name)
      })
    }

    it(`a code point of ${field} that nobody has assigned is refused by number`, async () => {
      await assertRefusedByName(backend, { [field]: [0xfafa] }, `${field}[0]`, '0xfafa')
    })

    it(`nothing is dropped silently: one of ${field} that it has does not hide one that it has not`, async () => {
      // One that can be held to none has none to hide behind.
      const good = backend.capabilities[field].slice(0, 1)
      await assertRefusedByName(backend, { [field]: [...good, 0xfafa] }, `${field}[${good.length}]`, '0xfafa')
    })
  }

  it('what it says it has, it has: every code point of its capabilities can be configured', async () => {
    const { client } = await matching()
    for (const field of ['ciphers', 'groups', 'signatureSchemes'] as const) {
      for (const codePoint of backend.capabilities[field]) {
        const configuration = new TLSClientConfiguration({ ...client, policy: 'leastSecure', [field]: [codePoint] })
        assert.deepEqual(backend.explain(configuration), [], `${field} ${codePoint.toString(16)}`)
        backend.clientContext(configuration)
      }
    }
  })

  it('a suite that leaves the peer without a certificate cannot be had, by any policy', async () => {
    // TLS_DH_anon_WITH_AES_128_GCM_SHA256, TLS_ECDH_anon_WITH_AES_128_CBC_SHA, TLS_RSA_WITH_NULL_SHA256, TLS_PSK_WITH_AES_128_GCM_SHA256
    for (const suite of [0x00a6, 0xc018, 0x003b, 0x00a8]) {
      assert.ok(!backend.capabilities.ciphers.includes(suite))
      for (const policy of ['systemRecommended', 'leastSecure'] as const) {
        await assertRefusedByName(backend, { ciphers: [suite], policy }, 'ciphers[0]', suite.toString(16))
      }
    }
  })
})

/** An ECDSA and an RSA chain side by side, for the suite to choose from; one of them where a server takes only one. */
async function chainsFor(backend: Backend, suite: CodePoint): Promise<readonly SigningChain[]> {
  const ecdsa = signingChain(await serverIdentity('ecdsa-p256'))
  if (!signsRSA(backend)) return [ecdsa]
  const rsa = signingChain(await encipheringIdentity())
  // The names of some suites do not tell, and those of TLS 1.3 need not.
  const name = cipherSuiteName(suite)
  const usesCurves = !anyKeyKind.startsWith('rsa')
  if (has(backend, 'server-name-selection') && (usesCurves || name.startsWith('0x'))) return [ecdsa, rsa]
  return /RSA/.test(name) || (!usesCurves && !/ECDSA/.test(name)) ? [rsa] : [ecdsa]
}

async function assertRefusedByName(
  backend: Backend,
  options: ClientOptions,
  field: string,
  name: string,
): Promise<void> {
  const { client } = await matching()
  const configuration = new TLSClientConfiguration({ ...client, ...options })
  const refusal = backend.explain(configuration).find((each) => each.field === field)
  assert.ok(refusal, `${field} is not among the reasons`)
  assert.ok(refusal.reason.includes(name), refusal.reason)
  assert.throws(
    () => backend.clientContext(configuration),
    (error) => error instanceof ConfigurationError && error.field === field && error.message.includes(name),
  )
}

function isPKCS1(scheme: CodePoint): boolean {
  return signatureSchemeName(scheme).startsWith('rsa_pkcs1')
}

function suitesOf(version: NegotiatedVersion): readonly [CodePoint, CodePoint] {
  return version === 'TLSv1.3'
    ? [CipherSuite.TLS_AES_128_GCM_SHA256, CipherSuite.TLS_AES_256_GCM_SHA384]
    : [CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]
}

interface Disagreement {
  readonly what: string
  /** How the server may call it: which of several missing things it notices first is its own affair. */
  readonly subject: readonly string[]
  readonly client: CommonOptions
  readonly server: CommonOptions
}

function nothingInCommon(version: NegotiatedVersion, bounds: OneVersion): readonly Disagreement[] {
  const [first, second] = suitesOf(version)
  return [
    {
      what: 'suite',
      subject: ['cipher-suite'],
      client: { ...bounds, ciphers: [first] },
      server: { ciphers: [second] },
    },
    {
      what: 'group',
      // In TLS 1.2 no group means that no suite is left. RFC 8422, Section 5.1.
      subject: version === 'TLSv1.3' ? ['group'] : ['group', 'cipher-suite'],
      client: { ...bounds, groups: [NamedGroup.x25519] },
      server: { groups: [NamedGroup.secp384r1] },
    },
    {
      what: 'signature scheme',
      subject: version === 'TLSv1.3' ? ['signature-scheme'] : ['signature-scheme', 'cipher-suite'],
      client: { ...bounds, signatureSchemes: [SignatureScheme.ed25519] },
      server: only(version),
    },
  ]
}
