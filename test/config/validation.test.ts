import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import {
  Certificate,
  ConfigurationError,
  PreSharedKey,
  PrivateKey,
  RevocationList,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'

const leaf = Certificate.fromBuffer('a certificate')
const key = PrivateKey.fromBuffer('a key')
const revocationList = RevocationList.fromBuffer('a list')
const certificateChain = [{ leaf, key }]

const codePointFields = ['ciphers', 'groups', 'signatureSchemes'] as const
const functionFields = ['verifyPeer', 'keyLog'] as const
const versionFields = ['lowestSupportedVersion', 'highestSupportedVersion'] as const

/** What has the wrong type, and how the error calls the place. */
const wrongTypes: readonly { readonly field: string; readonly value: unknown; readonly named?: string }[] = [
  ...codePointFields.flatMap((field) => [
    { field, value: 'TLS_AES_128_GCM_SHA256' },
    { field, value: 0x1301 },
    { field, value: null },
    { field, value: new Set([1]) },
    { field, value: [0x1301, '0x1302'], named: `${field}[1]` },
    { field, value: [null], named: `${field}[0]` },
  ]),
  ...functionFields.flatMap((field) => [
    { field, value: true },
    { field, value: 'function' },
    { field, value: null },
  ]),
  ...versionFields.flatMap((field) => [
    { field, value: 1.3 },
    { field, value: null },
    { field, value: ['TLSv1.3'] },
  ]),
  { field: 'innerProtocols', value: 'h2' },
  { field: 'innerProtocols', value: ['h2', 5], named: 'innerProtocols[1]' },
  { field: 'policy', value: 2 },
  { field: 'trustStore', value: '/etc/ssl/certs/ca-certificates.crt' },
  { field: 'trustStore', value: [leaf] },
  { field: 'trustStore', value: { source: { kind: 'system' } } },
  { field: 'revocation', value: [revocationList] },
  { field: 'revocation', value: {}, named: 'revocation.lists' },
  { field: 'revocation', value: { lists: [leaf] }, named: 'revocation.lists[0]' },
  { field: 'revocation', value: { lists: [revocationList], soft: true } },
  { field: 'revocation', value: { lists: [revocationList], missing: true }, named: 'revocation.missing' },
  { field: 'handshakeTimeoutMilliseconds', value: '1000' },
  { field: 'certificateCompression', value: 'brotli' },
]

/** What is of the right type and cannot be accepted. */
const wrongValues: readonly { readonly field: string; readonly value: unknown; readonly named?: string }[] = [
  ...codePointFields.flatMap((field) => [
    { field, value: [] },
    { field, value: [-1], named: `${field}[0]` },
    { field, value: [1.5], named: `${field}[0]` },
    { field, value: [0x10000], named: `${field}[0]` },
    { field, value: [Number.NaN], named: `${field}[0]` },
    { field, value: [1, 2, 1], named: `${field}[2]` },
  ]),
  ...versionFields.flatMap((field) => [
    { field, value: 'TLSv1.1' },
    { field, value: 'TLSv1_3' },
    { field, value: '' },
  ]),
  { field: 'innerProtocols', value: [''], named: 'innerProtocols[0]' },
  { field: 'innerProtocols', value: ['h2', 'x'.repeat(256)], named: 'innerProtocols[1]' },
  { field: 'innerProtocols', value: ['é'.repeat(128)], named: 'innerProtocols[0]' },
  { field: 'innerProtocols', value: ['h2', 'h2'], named: 'innerProtocols[1]' },
  { field: 'innerProtocols', value: Array.from({ length: 300 }, (_, index) => `${index}`.padStart(255, 'x')) },
  { field: 'policy', value: 'verySecure' },
  { field: 'revocation', value: { lists: [] }, named: 'revocation.lists' },
  { field: 'revocation', value: { lists: [revocationList], scope: 'root' }, named: 'revocation.scope' },
  { field: 'handshakeTimeoutMilliseconds', value: 0 },
  { field: 'handshakeTimeoutMilliseconds', value: -1 },
  { field: 'handshakeTimeoutMilliseconds', value: 0.5 },
  { field: 'handshakeTimeoutMilliseconds', value: Number.POSITIVE_INFINITY },
  { field: 'handshakeTimeoutMilliseconds', value: 2 ** 31 },
]

const makers = {
  client: (options: object) => new TLSClientConfiguration(options as never),
  server: (options: object) => new TLSServerConfiguration({ certificateChain, ...options } as never),
}

for (const [role, make] of Object.entries(makers)) {
  describe(`validation of a ${role} configuration`, () => {
    for (const { field, value, named = field } of wrongTypes) {
      it(`a TypeError names ${named} for ${show(value)}`, () => {
        assertTypeError(() => make({ [field]: value }), named)
      })
    }

    for (const { field, value, named = field } of wrongValues) {
      it(`a ConfigurationError names ${named} for ${show(value)}`, () => {
        assertConfigurationError(() => make({ [field]: value }), named)
      })
    }

    it('an option that does not exist is refused, and those that do are named', () => {
      for (const name of ['cipherSuites', 'rejectUnauthorized', 'ca', 'toString', '__proto__x']) {
        assert.throws(
          () => make({ [name]: true }),
          (error: Error) =>
            error instanceof TypeError && error.message.includes(name) && error.message.includes('trustStore'),
        )
      }
    })

    it('bounds without a version between them are refused', () => {
      assertConfigurationError(
        () => make({ lowestSupportedVersion: 'TLSv1.3', highestSupportedVersion: 'TLSv1.2' }),
        'lowestSupportedVersion',
      )
      assertConfigurationError(
        () => make({ lowestSupportedVersion: 'maximum', highestSupportedVersion: 'TLSv1.3' }),
        'lowestSupportedVersion',
      )
      make({ lowestSupportedVersion: 'TLSv1.3', highestSupportedVersion: 'TLSv1.3' })
      make({ lowestSupportedVersion: 'minimum', highestSupportedVersion: 'maximum' })
    })

    it('values at the border are accepted', () => {
      make({
        ciphers: [0, 0xffff],
        innerProtocols: ['x', 'y'.repeat(255)],
        handshakeTimeoutMilliseconds: 2 ** 31 - 1,
      })
      make({ handshakeTimeoutMilliseconds: 1 })
    })
  })
}

describe('validation of what concerns sessions and keys', () => {
  const cache = { take: () => undefined, put: () => {} }
  for (const [field, value, named = field] of [
    ['sessions', true],
    ['sessions', 'default'],
    ['sessions', { take: cache.take }],
    ['sessions', { ...cache, remove: true }, 'sessions.remove'],
    ['postHandshakeAuthentication', 'yes'],
    ['chooseCertificate', {}],
    ['preSharedKeys', 'key'],
    ['preSharedKeys', [Buffer.alloc(16)], 'preSharedKeys[0]'],
    ['ocspStapling', true],
  ] as const) {
    it(`a client's ${field} of ${show(value)} is a TypeError`, () => {
      assertTypeError(() => new TLSClientConfiguration({ [field]: value } as never), named)
    })
  }

  for (const [field, value, named = field] of [
    ['sessions', true],
    ['sessions', { kind: 'stateless', ticketKeys: [] }, 'sessions.ticketKeys'],
    ['sessions', { kind: 'stateful', store: cache }, 'sessions.store'],
    ['sessions', { kind: 'stateful', store: { put() {}, get() {}, remove: true } }, 'sessions.store.remove'],
    ['sessions', { kind: 'stateless', store: cache }],
    ['sessions', { kind: 'stateless', lifetimeSeconds: '1' }, 'sessions.lifetimeSeconds'],
    ['maxEarlyDataBytes', '1'],
    ['replayGuard', () => true],
    ['findPreSharedKey', new Map()],
    ['chooseContext', 'name'],
  ] as const) {
    it(`a server's ${field} of ${show(value)} is a TypeError`, () => {
      assertTypeError(() => new TLSServerConfiguration({ certificateChain, [field]: value } as never), named)
    })
  }

  for (const [field, value, named = field] of [
    ['sessions', cache, 'sessions.kind'],
    ['sessions', { kind: 'stateless', lifetimeSeconds: 604_801 }, 'sessions.lifetimeSeconds'],
    ['sessions', { kind: 'stateless', lifetimeSeconds: 0 }, 'sessions.lifetimeSeconds'],
    ['sessions', { kind: 'stateful', ticketsPerConnection: 17 }, 'sessions.ticketsPerConnection'],
    ['maxEarlyDataBytes', -1],
    ['maxEarlyDataBytes', 1_048_577],
  ] as const) {
    it(`a server's ${field} of ${show(value)} is a ConfigurationError`, () => {
      assertConfigurationError(() => new TLSServerConfiguration({ certificateChain, [field]: value } as never), named)
    })
  }

  it('a client shows what was configured, or what is chosen', () => {
    const options = { certificateChain: { leaf, key }, chooseCertificate: () => undefined }
    assertConfigurationError(() => new TLSClientConfiguration(options), 'chooseCertificate')
  })

  it('a server without certificates needs another way to answer', () => {
    new TLSServerConfiguration({ certificateChain: [], findPreSharedKey: () => undefined })
    new TLSServerConfiguration({ certificateChain: [], chooseContext: () => undefined })
  })

  it('early data comes with sessions', () => {
    const options = { certificateChain, sessions: 'none', maxEarlyDataBytes: 1 } as const
    assertConfigurationError(() => new TLSServerConfiguration(options), 'maxEarlyDataBytes')
  })

  it('a pre-shared key is long enough, has a name, and does not tell itself', () => {
    const secret = Buffer.from('sixteen secret..')
    const preSharedKey = new PreSharedKey({ identity: 'name', secret })
    assert.ok(!inspect(preSharedKey, { showHidden: true, depth: 9 }).includes('7369'))
    assert.equal(Buffer.from(preSharedKey.identity).toString(), 'name')
    assertConfigurationError(() => new PreSharedKey({ identity: 'name', secret: secret.subarray(1) }), 'secret')
    assertConfigurationError(() => new PreSharedKey({ identity: '', secret }), 'identity')
    assertConfigurationError(() => new PreSharedKey({ identity: new Uint8Array(65_536), secret }), 'identity')
    assertConfigurationError(() => new PreSharedKey({ identity: 'name', secret, hash: 'md5' as never }), 'hash')
    assertTypeError(() => new PreSharedKey({ identity: 'name', secret: 'a password' as never }), 'secret')
  })
})

describe('validation of chains', () => {
  for (const { value, named } of [
    { value: { key }, named: 'certificateChain.leaf' },
    { value: { leaf: 'pem', key }, named: 'certificateChain.leaf' },
    { value: { leaf, key: 'pem' }, named: 'certificateChain.key' },
    { value: { leaf, key: leaf }, named: 'certificateChain.key' },
    { value: { leaf, key, chain: leaf }, named: 'certificateChain.chain' },
    { value: { leaf, key, chain: [leaf, 'pem'] }, named: 'certificateChain.chain[1]' },
    { value: [{ leaf, key }], named: 'certificateChain.leaf' },
    { value: null, named: 'certificateChain.leaf' },
  ]) {
    it(`a client's ${show(value)} is a TypeError that names ${named}`, () => {
      assertTypeError(() => new TLSClientConfiguration({ certificateChain: value as never }), named)
    })
  }

  for (const { value, named } of [
    { value: { leaf, key }, named: 'certificateChain' },
    { value: 'pem', named: 'certificateChain' },
    { value: [{ leaf, key }, { leaf }], named: 'certificateChain[1].key' },
    { value: [undefined], named: 'certificateChain[0].leaf' },
    { value: undefined, named: 'certificateChain' },
  ]) {
    it(`a server's ${show(value)} is a TypeError that names ${named}`, () => {
      assertTypeError(() => new TLSServerConfiguration({ certificateChain: value as never }), named)
    })
  }

  it('certificate timestamps are such as a message can have', () => {
    const given = (signedCertificateTimestamps: unknown) => () =>
      new TLSServerConfiguration({ certificateChain: [{ leaf, key, signedCertificateTimestamps } as never] })
    const field = 'certificateChain[0].signedCertificateTimestamps'
    assertTypeError(given(Buffer.of(1)), field)
    assertTypeError(given([Buffer.of(1), 'text']), `${field}[1]`)
    assertConfigurationError(given([Buffer.of(1), Buffer.of()]), `${field}[1]`)
    assertConfigurationError(given([Buffer.alloc(16_383)]), field)
    assertConfigurationError(given([Buffer.alloc(8190), Buffer.alloc(8191)]), field)
    given([])()
    given([Buffer.alloc(16_382)])()
    given([Buffer.alloc(8190), Buffer.alloc(8190)])()
  })

  it('a server needs at least one chain', () => {
    assertConfigurationError(() => new TLSServerConfiguration({ certificateChain: [] }), 'certificateChain')
    assertTypeError(() => new TLSServerConfiguration({} as never), 'certificateChain')
  })

  it('early data with tickets that others can take needs a guard that they share', () => {
    const sessions = { kind: 'stateless', ticketKeys: { current: () => [] } } as const
    const options = { certificateChain, sessions, maxEarlyDataBytes: 1 }
    assertConfigurationError(() => new TLSServerConfiguration(options), 'replayGuard')
    new TLSServerConfiguration({ ...options, replayGuard: { admit: () => false } })
    new TLSServerConfiguration({ ...options, maxEarlyDataBytes: 0 })
    // A store gives out a session of TLS 1.3 once.
    const store = { put: () => {}, get: () => undefined }
    new TLSServerConfiguration({ ...options, sessions: { kind: 'stateful', store } })
  })

  it('a server that asks for certificates needs a trust store, and one that does not needs none', () => {
    for (const clientAuthentication of ['requested', 'required'] as const) {
      assertConfigurationError(
        () => new TLSServerConfiguration({ certificateChain, clientAuthentication }),
        'trustStore',
      )
      new TLSServerConfiguration({ certificateChain, clientAuthentication, trustStore: TrustStore.system() })
    }
    new TLSServerConfiguration({ certificateChain, clientAuthentication: 'none' })
  })

  it('clientAuthentication is one of three words', () => {
    assertConfigurationError(
      () => new TLSServerConfiguration({ certificateChain, clientAuthentication: 'optional' as never }),
      'clientAuthentication',
    )
    assertTypeError(
      () => new TLSServerConfiguration({ certificateChain, clientAuthentication: true as never }),
      'clientAuthentication',
    )
    assert.throws(() => new TLSClientConfiguration({ clientAuthentication: 'none' } as never), TypeError)
  })

  it('what is no object with options is a TypeError', () => {
    for (const wrong of [null, 'options', 5, [], () => {}]) {
      assert.throws(() => new TLSClientConfiguration(wrong as never), TypeError)
      assert.throws(() => new TLSServerConfiguration(wrong as never), TypeError)
    }
  })
})

function assertTypeError(run: () => unknown, named: string): void {
  assert.throws(run, (error: Error) => {
    assert.ok(error instanceof TypeError, String(error))
    assert.ok(error.message.startsWith(`${named}:`), error.message)
    return true
  })
}

function assertConfigurationError(run: () => unknown, named: string): void {
  assert.throws(run, (error: Error) => {
    assert.ok(error instanceof ConfigurationError, String(error))
    assert.equal(error.field, named)
    assert.equal(error.code, 'ERR_TLS_CONFIGURATION')
    assert.ok(error.message.startsWith(`${named}:`), error.message)
    return true
  })
}

function show(value: unknown): string {
  const text = Array.isArray(value)
    ? `[${value.map(show).join(', ')}]`
    : typeof value === 'string'
      ? `'${value}'`
      : String(value)
  return text.length > 40 ? `${text.slice(0, 40)}…` : text
}
