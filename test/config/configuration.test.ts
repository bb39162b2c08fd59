import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Certificate,
  CertificateCompression,
  CipherSuite,
  type ClientOptions,
  ConfigurationError,
  MemorySessionCache,
  NamedGroup,
  PreSharedKey,
  PrivateKey,
  RevocationList,
  type ServerOptions,
  SignatureScheme,
  type Signer,
  type SigningChain,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'

// Nothing is parsed here, so nothing has to be real.
const verifyPeer = (): { readonly accept: true } => ({ accept: true })
const keyLog = (): void => {}
const [ocspResponse, findPreSharedKey, chooseContext] = [() => undefined, () => undefined, () => undefined]
const chain = (): SigningChain => ({
  leaf: Certificate.fromBuffer('a certificate'),
  key: PrivateKey.fromBuffer('a key', { passphrase: 'a passphrase' }),
  chain: [Certificate.fromFile('/issuer.pem')],
  ocspResponse,
  signedCertificateTimestamps: [Buffer.of(1)],
})
const replayGuard = Object.freeze({ admit: () => false })
const preSharedKey = new PreSharedKey({ identity: 'a key', secret: Buffer.alloc(16) })

/** Every option at once, made of new objects each time; but `chooseCertificate`, which takes the place of `certificateChain`. */
const everyClientOption = (): Required<Omit<ClientOptions, 'chooseCertificate'>> => ({
  ciphers: [CipherSuite.TLS_AES_128_GCM_SHA256, 0xfafa],
  groups: [NamedGroup.x25519],
  signatureSchemes: [SignatureScheme.ed25519],
  innerProtocols: ['h2', 'http/1.1'],
  lowestSupportedVersion: TLSVersion.TLSv1_2,
  highestSupportedVersion: TLSVersion.MAXIMUM_SUPPORTED,
  policy: 'mostSecure',
  trustStore: TrustStore.fromCertificates([Certificate.fromBuffer(Buffer.from([1, 2, 3]))]),
  revocation: { lists: [RevocationList.fromBuffer('a list')], missing: 'accept', scope: 'leaf' },
  verifyPeer,
  keyLog,
  handshakeTimeoutMilliseconds: 5000,
  certificateCompression: [CertificateCompression.brotli],
  certificateChain: chain(),
  postHandshakeAuthentication: true,
  sessions: 'none',
  preSharedKeys: [preSharedKey],
  ocspStapling: 'hard',
  certificateTimestamps: true,
})
const everyServerOption = (): Required<ServerOptions> => {
  const { postHandshakeAuthentication, sessions, preSharedKeys, ocspStapling, certificateTimestamps, ...common } =
    everyClientOption()
  return {
    ...common,
    certificateChain: [chain(), chain()],
    clientAuthentication: 'required',
    sessions: { kind: 'stateless', lifetimeSeconds: 60, ticketsPerConnection: 1 },
    maxEarlyDataBytes: 1024,
    replayGuard,
    findPreSharedKey,
    chooseContext,
  }
}

describe('configurations', () => {
  it('hold what was given, and nothing else', () => {
    const options = everyClientOption()
    assert.deepEqual({ ...new TLSClientConfiguration(options) }, options)
    const serverOptions = everyServerOption()
    assert.deepEqual({ ...new TLSServerConfiguration(serverOptions) }, serverOptions)
    assert.deepEqual({ ...new TLSClientConfiguration() }, {})
    assert.deepEqual({ ...new TLSClientConfiguration({ keyLog: undefined } as never) }, {})
  })

  it('are deeply frozen', () => {
    for (const configuration of [
      new TLSClientConfiguration(everyClientOption()),
      new TLSServerConfiguration(everyServerOption()),
    ]) {
      assertFrozen(configuration, configuration.constructor.name)
      assert.throws(() => {
        ;(configuration as { policy?: string }).policy = 'leastSecure'
      }, TypeError)
      assert.throws(() => (configuration.ciphers as number[]).push(1), TypeError)
      assert.throws(() => {
        ;(configuration as unknown as { extra: number }).extra = 1
      }, TypeError)
    }
  })

  it('do not change with what they were made of', () => {
    const options = { ...everyServerOption(), ciphers: [1, 2], innerProtocols: ['a'] }
    const chains = options.certificateChain as SigningChain[]
    const configuration = new TLSServerConfiguration(options)
    options.ciphers.push(3)
    options.innerProtocols[0] = 'changed'
    chains.pop()
    ;(chains[0] as { leaf: Certificate }).leaf = Certificate.fromBuffer('changed')
    assert.deepEqual(configuration.ciphers, [1, 2])
    assert.deepEqual(configuration.innerProtocols, ['a'])
    assert.equal(configuration.certificateChain.length, 2)
    assert.notEqual(configuration.certificateChain[0]?.leaf, chains[0]?.leaf)
  })

  it('compare by value', () => {
    const client = new TLSClientConfiguration(everyClientOption())
    assert.ok(client.equals(new TLSClientConfiguration(everyClientOption())))
    assert.ok(client.equals(client))
    const server = new TLSServerConfiguration(everyServerOption())
    assert.ok(server.equals(new TLSServerConfiguration(everyServerOption())))
    assert.ok(new TLSClientConfiguration().equals(new TLSClientConfiguration({})))
    assert.ok(!client.equals(server as never))
    assert.ok(!client.equals(everyClientOption() as never))
    assert.ok(!client.equals(undefined as never))
  })

  for (const [what, change] of Object.entries({
    ciphers: { ciphers: [0xfafa, CipherSuite.TLS_AES_128_GCM_SHA256] },
    groups: { groups: [NamedGroup.x448] },
    signatureSchemes: { signatureSchemes: [SignatureScheme.ed448] },
    innerProtocols: { innerProtocols: ['http/1.1', 'h2'] },
    'innerProtocols by their borders': { innerProtocols: ['h2,http/1.1'] },
    lowestSupportedVersion: { lowestSupportedVersion: TLSVersion.MINIMUM_SUPPORTED },
    highestSupportedVersion: { highestSupportedVersion: TLSVersion.TLSv1_3 },
    policy: { policy: 'leastSecure' },
    'policy left out': { policy: undefined },
    trustStore: { trustStore: TrustStore.system() },
    'trustStore by content': {
      trustStore: TrustStore.fromCertificates([Certificate.fromBuffer(Buffer.from([1, 2, 4]))]),
    },
    'trustStore by kind': { trustStore: TrustStore.fromBuffer(Buffer.from([1, 2, 3])) },
    'revocation by list': {
      revocation: { lists: [RevocationList.fromBuffer('another')], missing: 'accept', scope: 'leaf' },
    },
    'revocation by what is missing': {
      revocation: { lists: [RevocationList.fromBuffer('a list')], missing: 'reject', scope: 'leaf' },
    },
    'verifyPeer, by identity': { verifyPeer: () => ({ accept: true }) as const },
    'keyLog, by identity': { keyLog: () => {} },
    handshakeTimeoutMilliseconds: { handshakeTimeoutMilliseconds: 5001 },
    'certificateChain by key': { certificateChain: { ...chain(), key: PrivateKey.fromBuffer('another key') } },
    'certificateChain by passphrase': {
      certificateChain: { ...chain(), key: PrivateKey.fromBuffer('a key', { passphrase: 'another' }) },
    },
    'certificateChain without passphrase': { certificateChain: { ...chain(), key: PrivateKey.fromBuffer('a key') } },
    'certificateChain by issuer': { certificateChain: { ...chain(), chain: [] } },
    'certificateChain by path': { certificateChain: { ...chain(), leaf: Certificate.fromFile('a certificate') } },
    'certificateChain by stapled state': { certificateChain: { ...chain(), ocspResponse: () => undefined } },
    'certificateChain by timestamps': { certificateChain: { ...chain(), signedCertificateTimestamps: [] } },
    certificateCompression: { certificateCompression: [CertificateCompression.zlib] },
    postHandshakeAuthentication: { postHandshakeAuthentication: false },
    'sessions, by identity of what is no plain object': { sessions: new MemorySessionCache() },
    preSharedKeys: {
      preSharedKeys: [new PreSharedKey({ identity: 'a key', secret: Buffer.alloc(16, 1) })],
    },
    'preSharedKeys by context': {
      preSharedKeys: [new PreSharedKey({ identity: 'a key', secret: Buffer.alloc(16), importContext: '' })],
    },
    ocspStapling: { ocspStapling: 'soft' },
    certificateTimestamps: { certificateTimestamps: false },
    'certificateChain by id': { certificateChain: { ...chain(), leaf: Certificate.fromId('a certificate') } },
  } satisfies Record<string, Parameters<TLSClientConfiguration['with']>[0]>)) {
    it(`differ by ${what}`, () => {
      const client = new TLSClientConfiguration(everyClientOption())
      const changed = client.with(change)
      assert.ok(!client.equals(changed))
      assert.ok(!changed.equals(client))
      assert.notEqual(TLSClientConfiguration.identity(client), TLSClientConfiguration.identity(changed))
    })
  }

  it('have an identity that can be the key of a cache', () => {
    const identity = TLSClientConfiguration.identity(new TLSClientConfiguration(everyClientOption()))
    assert.equal(TLSClientConfiguration.identity(new TLSClientConfiguration(everyClientOption())), identity)
    const server = new TLSServerConfiguration(everyServerOption())
    assert.equal(
      TLSServerConfiguration.identity(server),
      TLSServerConfiguration.identity(new TLSServerConfiguration(everyServerOption())),
    )
    assert.notEqual(
      TLSServerConfiguration.identity(server),
      TLSServerConfiguration.identity(server.with({ clientAuthentication: 'requested' })),
    )
  })

  it('derive others, which keep what is not changed', () => {
    const options = everyServerOption()
    const server = new TLSServerConfiguration(options)
    const derived = server.with({ policy: 'systemRecommended', ciphers: undefined })
    assert.ok(derived instanceof TLSServerConfiguration)
    assert.equal(derived.policy, 'systemRecommended')
    assert.equal(derived.ciphers, undefined)
    assert.ok(!Object.hasOwn(derived, 'ciphers'))
    assert.deepEqual(derived.certificateChain, server.certificateChain)
    assert.equal(derived.verifyPeer, verifyPeer)
    assert.equal(server.policy, 'mostSecure')
    assert.deepEqual(server.ciphers, options.ciphers)
    assert.ok(derived.with({ policy: 'mostSecure', ciphers: options.ciphers }).equals(server))
    assert.throws(() => server.with({ ciphers: [] }), ConfigurationError)
    assert.throws(() => server.with({ nonsense: 1 } as never), TypeError)
    assert.throws(() => server.with({ trustStore: undefined }), ConfigurationError)
    assert.throws(() => server.with({ certificateChain: undefined }), TypeError)
  })

  it('compare signers by identity', () => {
    const signer: Signer = { publicKey: new Uint8Array(1), schemes: [1], sign: () => new Uint8Array(1) }
    const make = (each: Signer): TLSClientConfiguration =>
      new TLSClientConfiguration({ certificateChain: { ...chain(), key: PrivateKey.fromSigner(each) } })
    assert.ok(make(signer).equals(make(signer)))
    assert.ok(!make(signer).equals(make({ ...signer })))
  })
})

/** Everything reachable by enumerable properties, bytes apart: those are copies. */
function assertFrozen(value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  assert.ok(Object.isFrozen(value), `${path} is not frozen`)
  for (const [name, each] of Object.entries(value)) assertFrozen(each, `${path}.${name}`)
}
