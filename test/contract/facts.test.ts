import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  type Backend,
  CipherSuite,
  type CodePoint,
  type ConnectionFacts,
  NamedGroup,
  type NegotiatedVersion,
  SignatureScheme,
} from 'polytls'
import { assertKeyRefused, forEachPair, forEachVersion, signsEd25519 } from '../support/backends.ts'
import { connectionBetween } from '../support/connection.ts'
import {
  authority,
  clientIdentity,
  derChain,
  hostName,
  makeAuthority,
  matching,
  signingChain,
  trusting,
} from '../support/identities.ts'

const nothing: ConnectionFacts = {
  version: undefined,
  cipherSuite: undefined,
  group: undefined,
  signatureScheme: undefined,
  innerProtocol: undefined,
  serverName: undefined,
  peerCertificate: undefined,
  peerChain: [],
  verified: false,
  resumed: false,
  sessionAgeMilliseconds: undefined,
  earlyData: undefined,
  preSharedKeyIdentity: undefined,
  ocspResponse: undefined,
  signedCertificateTimestamps: [],
  certificateCompression: undefined,
}

const suites: { readonly [V in NegotiatedVersion]: number } = {
  'TLSv1.2': CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
  'TLSv1.3': CipherSuite.TLS_AES_256_GCM_SHA384,
}

const ecdsa = SignatureScheme.ecdsa_secp256r1_sha256

/** Schannel does not say by which scheme a key was proved, and in TLS 1.3 nobody else can see it. */
function told(backend: Backend, version: NegotiatedVersion, scheme: CodePoint): CodePoint | undefined {
  return backend.name === 'schannel' && version === 'TLSv1.3' ? undefined : scheme
}

/** Without what only one backend has. */
function withoutOwn({ credentialStructure, ...facts }: ConnectionFacts): object {
  return facts
}

forEachPair('facts', (pairing) => {
  it('before the handshake is done, nothing is known and nothing is guessed', async () => {
    const { client, server } = await matching()
    using connection = connectionBetween(pairing, { client, server })
    assert.deepEqual({ ...connection.client.facts }, nothing)
    assert.deepEqual({ ...connection.server.facts }, nothing)
    connection.client.handshake()
    connection.flow()
    connection.server.handshake()
    assert.deepEqual({ ...connection.client.facts }, nothing)
    assert.deepEqual({ ...connection.server.facts }, nothing)
  })

  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: both sides tell the same of what was agreed`, async () => {
      const { client, server } = await matching()
      const root = await makeAuthority({ name: 'A Root' })
      const intermediate = await root.issueAuthority({ name: 'An Intermediate' })
      const identity = await intermediate.issue({ name: hostName, names: [hostName], keyKind: 'ecdsa-p256' })
      const agreed = {
        ...bounds,
        ciphers: [suites[version]],
        groups: [NamedGroup.secp256r1],
        innerProtocols: ['first', 'second'],
      }
      using connection = connectionBetween(pairing, {
        client: { ...client, ...agreed, trustStore: trusting(root) },
        server: { ...server, ...agreed, certificateChain: [signingChain(identity)], innerProtocols: ['second'] },
      })
      await connection.establish()
      const common = {
        ...nothing,
        version,
        cipherSuite: suites[version],
        group: NamedGroup.secp256r1,
        innerProtocol: 'second',
        serverName: hostName,
      }
      const [leaf, ...rest] = derChain(identity)
      assert.deepEqual(withoutOwn(connection.client.facts), {
        ...common,
        signatureScheme: told(pairing.clientBackend, version, ecdsa),
        peerCertificate: leaf,
        peerChain: [leaf, ...rest],
        verified: true,
      })
      assert.equal(rest.length, 1)
      assert.deepEqual(withoutOwn(connection.server.facts), {
        ...common,
        signatureScheme: told(pairing.serverBackend, version, ecdsa),
        peerCertificate: undefined,
        peerChain: [],
        verified: false,
      })
    })

    it(`${version}: with client authentication, each side tells how the other proved its key`, async () => {
      const { client, server } = await matching('ecdsa-p256')
      const identity = await clientIdentity('ed25519')
      if (!signsEd25519(pairing.clientBackend)) {
        assertKeyRefused(pairing.clientBackend, signingChain(identity))
        return
      }
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, certificateChain: signingChain(identity) },
        server: { ...server, clientAuthentication: 'required', trustStore: trusting(await authority()) },
      })
      await connection.establish()
      assert.equal(connection.client.facts.signatureScheme, told(pairing.clientBackend, version, ecdsa))
      assert.equal(
        connection.server.facts.signatureScheme,
        told(pairing.serverBackend, version, SignatureScheme.ed25519),
      )
      assert.deepEqual(connection.server.facts.peerChain, derChain(identity))
      assert.deepEqual(connection.server.facts.peerCertificate, derChain(identity)[0])
      assert.equal(connection.server.facts.verified, true)
      assert.equal(connection.client.facts.verified, true)
    })

    it(`${version}: without a name, none is told on either side`, async () => {
      const { client, server } = await matching()
      using connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server, serverName: null })
      await connection.establish()
      assert.equal(connection.client.facts.serverName, undefined)
      assert.equal(connection.server.facts.serverName, undefined)
      assert.equal(connection.client.facts.verified, true)
    })

    it(`${version}: facts stay as they are, and the same object, once they are known`, async () => {
      const { client, server } = await matching()
      const connection = connectionBetween(pairing, { client: { ...client, ...bounds }, server })
      await connection.establish()
      const facts = [connection.client.facts, connection.server.facts]
      for (const each of facts) {
        assert.ok(Object.isFrozen(each))
        assert.ok(Object.isFrozen(each.peerChain))
        assert.equal(each.version, version)
      }
      connection.transfer('client', Buffer.from('data'))
      connection.client.shutdown()
      connection.flow()
      connection.server.shutdown()
      connection.flow()
      connection.client.shutdown()
      assert.deepEqual([connection.client.facts, connection.server.facts], facts)
      connection[Symbol.dispose]()
      assert.deepEqual([connection.client.facts, connection.server.facts], facts)
    })
  })

  it('an address is the server name of the client alone: it is not sent', async () => {
    const root = await makeAuthority({ name: 'A Root' })
    const identity = await root.issue({ name: 'An Address', names: ['192.0.2.1', '2001:db8::1'] })
    for (const serverName of ['192.0.2.1', '2001:db8::1']) {
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(root) },
        server: { certificateChain: [signingChain(identity)] },
        serverName,
      })
      await connection.establish()
      assert.equal(connection.client.facts.serverName, serverName)
      assert.equal(connection.server.facts.serverName, undefined)
    }
  })

  it('a name is told as it goes over the wire: in lower case, as A-labels, without the dot of the root', async () => {
    const root = await makeAuthority({ name: 'A Root' })
    const identity = await root.issue({ name: 'Names', names: ['xn--mnchen-3ya.test', hostName] })
    for (const [given, wire] of [
      ['SERVER.Test', hostName],
      ['server.test.', hostName],
      ['münchen.test', 'xn--mnchen-3ya.test'],
    ] as const) {
      using connection = connectionBetween(pairing, {
        client: { trustStore: trusting(root) },
        server: { certificateChain: [signingChain(identity)] },
        serverName: given,
      })
      await connection.establish()
      assert.equal(connection.client.facts.serverName, wire)
      assert.equal(connection.server.facts.serverName, wire)
    }
  })
})
