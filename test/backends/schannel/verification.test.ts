import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CertificateError, type CertificateReason, TLSClientConfiguration, TrustStore } from 'polytls'
import { Status } from '#polytls/backends/schannel/status.js'
import { cast, clientOf, derOf, helloOf13, lastFlight, opening, type Setting, setting } from './setting.ts'

/** What the client makes of the server's certificate; undefined where it accepts it. */
async function verdictAt(
  at: Setting,
  serverName: string | undefined = 'server.test',
  trustStore?: TrustStore,
): Promise<CertificateError | undefined> {
  const { server } = await cast()
  if (at.security.peerChain.length === 0) at.security.peerChain = [derOf(server)]
  const channel = await clientOf(at, trustStore && { trustStore }, serverName)
  at.security.script = [
    opening,
    { call: 'InitializeSecurityContext', status: Status.SEC_E_OK, token: lastFlight },
    { call: 'ApplyControlToken', status: Status.SEC_E_UNSUPPORTED_FUNCTION },
  ]
  channel.handshake()
  channel.processIncoming(helloOf13)
  try {
    assert.equal(channel.handshake(), 'done')
    assert.equal(channel.facts.verified, true)
    return undefined
  } catch (thrown) {
    assert.ok(thrown instanceof CertificateError, String(thrown))
    assert.equal(channel.facts.verified, false)
    return thrown
  } finally {
    channel[Symbol.dispose]()
  }
}

/** A chain of the server's certificate and the root's, with these bits of CERT_TRUST_STATUS. */
async function withStatus(at: Setting, leaf: number, root: number, rootInfo = 0x8): Promise<void> {
  const made = await cast()
  at.security.chain = {
    errorStatus: leaf | root,
    elements: [
      { certificate: derOf(made.server), errorStatus: leaf, infoStatus: 0 },
      { certificate: derOf(made.root), errorStatus: root, infoStatus: rootInfo },
    ],
  }
}

describe('what the chain engine finds', () => {
  for (const [what, leaf, root, reason, depth] of [
    ['IS_NOT_TIME_VALID', 0x1, 0, 'expired', 0],
    ['IS_NOT_TIME_VALID above', 0, 0x1, 'expired', 1],
    ['IS_REVOKED', 0x4, 0, 'revoked', 0],
    ['IS_NOT_SIGNATURE_VALID', 0x8, 0x1, 'bad-signature', 0],
    ['IS_NOT_VALID_FOR_USAGE', 0x10, 0, 'wrong-purpose', 0],
    ['INVALID_EXTENSION', 0x100, 0, 'malformed', 0],
    ['INVALID_BASIC_CONSTRAINTS of an authority', 0, 0x400, 'path-too-long', 1],
    ['INVALID_BASIC_CONSTRAINTS of no authority', 0x400, 0, 'not-an-authority', 0],
    ['HAS_NOT_PERMITTED_NAME_CONSTRAINT, noted above', 0, 0x4000, 'name-constraints', 0],
    ['HAS_EXCLUDED_NAME_CONSTRAINT', 0x8000, 0, 'name-constraints', 0],
    ['HAS_WEAK_SIGNATURE', 0x10_0000, 0, 'weak-signature', 0],
    ['HAS_NOT_SUPPORTED_CRITICAL_EXT', 0x800_0000, 0, 'unknown-critical-extension', 0],
    ['IS_EXPLICIT_DISTRUST', 0x400_0000, 0, 'other', 0],
  ] as const satisfies readonly (readonly [string, number, number, CertificateReason, number])[]) {
    it(`CERT_TRUST_${what} is ${reason}`, async () => {
      const at = setting()
      await withStatus(at, leaf, root)
      const error = await verdictAt(at)
      assert.deepEqual([error?.reason, error?.depth], [reason, depth])
      assert.match(error?.message ?? '', /CERT_TRUST_STATUS 0x/)
      assert.equal(error?.subject, depth === 0 ? 'CN=Server' : 'CN=Root')
    })
  }

  it('revocation that cannot be found out is no fault, for it is not asked for', async () => {
    const at = setting()
    await withStatus(at, 0x40 | 0x100_0000, 0)
    assert.equal(await verdictAt(at), undefined)
  })

  it('no chain at all is a refusal', async () => {
    const at = setting()
    at.security.chain = { error: Status.E_INVALIDARG }
    const error = await verdictAt(at)
    assert.equal(error?.reason, 'other')
    assert.match(error?.message ?? '', /E_INVALIDARG/)
  })
})

describe('trust', () => {
  it('given certificates are an exclusive store of roots, and nothing is fetched', async () => {
    const at = setting()
    assert.equal(await verdictAt(at), undefined)
    // CERT_CHAIN_EXCLUSIVE_ENABLE_CA_FLAG and CERT_CHAIN_CACHE_ONLY_URL_RETRIEVAL.
    assert.equal(at.security.engines[0]?.exclusiveFlags, 1)
    assert.equal(at.security.chainRequests[0]?.flags, 4)
    assert.equal(at.security.chainRequests[0]?.usage, '1.3.6.1.5.5.7.3.1')
    assert.notEqual(at.security.chainRequests[0]?.additionalStore, undefined)
  })

  it('a chain that meets none of them is refused, even if Windows has no objection', async () => {
    const at = setting()
    const { server } = await cast()
    at.security.chain = { errorStatus: 0, elements: [{ certificate: derOf(server), errorStatus: 0, infoStatus: 0 }] }
    assert.equal((await verdictAt(at))?.reason, 'unknown-issuer')
  })

  it('a chain that ends at a stranger brought along is told as that', async () => {
    const at = setting()
    const { client } = await cast()
    await withStatus(at, 0, 0x20)
    assert.equal(
      (await verdictAt(at, 'server.test', TrustStore.fromBuffer(client.certificate)))?.reason,
      'self-signed-in-chain',
    )
  })

  it('a certificate that is its own issuer is told as that', async () => {
    const at = setting()
    const { root, client } = await cast()
    at.security.peerChain = [derOf(root)]
    at.security.chain = {
      errorStatus: 0x20,
      elements: [{ certificate: derOf(root), errorStatus: 0x20, infoStatus: 8 }],
    }
    assert.equal((await verdictAt(at, 'server.test', TrustStore.fromBuffer(client.certificate)))?.reason, 'self-signed')
  })

  it('the certificate of one device may be trusted as it is, whatever is wrong above it', async () => {
    const at = setting()
    const { server } = await cast()
    await withStatus(at, 0x20 | 0x1_0000, 0x1)
    at.security.policy = { value: { error: Status.CERT_E_UNTRUSTEDROOT, elementIndex: 1 } }
    assert.equal(await verdictAt(at, 'server.test', TrustStore.fromBuffer(server.certificate)), undefined)
  })

  it('but not if something is wrong with it', async () => {
    const at = setting()
    const { server } = await cast()
    await withStatus(at, 0x1, 0)
    assert.equal((await verdictAt(at, 'server.test', TrustStore.fromBuffer(server.certificate)))?.reason, 'expired')
  })

  it('the machine’s own is left to Windows, which may fetch what it needs', async () => {
    const at = setting()
    await withStatus(at, 0, 0)
    assert.equal(await verdictAt(at, 'server.test', TrustStore.system()), undefined)
    assert.equal(at.security.engines.length, 0)
    assert.equal(at.security.chainRequests[0]?.engine, undefined)
    assert.equal(at.security.chainRequests[0]?.flags, 0)
    for (const [status, reason] of [
      [0x20, 'self-signed-in-chain'],
      [0x1_0000, 'self-signed-in-chain'],
      [0x80, 'unknown-issuer'],
    ] as const) {
      await withStatus(at, 0, status)
      assert.equal((await verdictAt(at, 'server.test', TrustStore.system()))?.reason, reason)
    }
  })

  it('a store of Windows can be named', async () => {
    const at = setting()
    const { root } = await cast()
    at.security.systemStores.set('LocalMachine/Partners', [derOf(root)])
    assert.equal(await verdictAt(at, 'server.test', TrustStore.fromId('windows:LocalMachine/Partners')), undefined)
    await assert.rejects(
      verdictAt(at, 'server.test', TrustStore.fromId('windows:LocalMachine/Nobody')),
      /LocalMachine\/Nobody/,
    )
    await assert.rejects(verdictAt(at, 'server.test', TrustStore.fromId('pkcs11:token')), /does not know the id/)
  })
})

describe('the policy for SSL', () => {
  for (const [error, reason] of [
    [Status.CERT_E_CN_NO_MATCH, 'wrong-host'],
    [Status.CERT_E_EXPIRED, 'expired'],
    [Status.CERT_E_ROLE, 'not-an-authority'],
    [Status.CERT_E_WRONG_USAGE, 'wrong-purpose'],
    [Status.CERT_E_PURPOSE, 'wrong-purpose'],
    [Status.CERT_E_REVOKED, 'revoked'],
    [Status.CRYPT_E_REVOKED, 'revoked'],
    [Status.CRYPT_E_NO_REVOCATION_CHECK, 'revocation-unknown'],
    [Status.CERT_E_INVALID_NAME, 'name-constraints'],
    [Status.TRUST_E_CERT_SIGNATURE, 'bad-signature'],
    [Status.TRUST_E_EXPLICIT_DISTRUST, 'other'],
  ] as const) {
    it(`0x${error.toString(16)} is ${reason}`, async () => {
      const at = setting()
      at.security.policy = { value: { error, elementIndex: 0 } }
      const refusal = await verdictAt(at)
      assert.equal(refusal?.reason, reason)
      assert.match(refusal?.message ?? '', /(CERT|CRYPT|TRUST)_E_/)
    })
  }

  it('that cannot be asked refuses', async () => {
    const at = setting()
    at.security.policy = { error: Status.CRYPT_E_NOT_FOUND }
    assert.equal((await verdictAt(at))?.reason, 'other')
  })
})

describe('whom the certificate is for', () => {
  it('is asked of Windows by name, and once more of the certificate, where a common name does not count', async () => {
    const at = setting()
    assert.equal(await verdictAt(at), undefined)
    assert.equal(at.security.policies[0]?.serverName, 'server.test')
    // Windows has no objection here.
    for (const serverName of ['other.test', 'Server'])
      assert.equal((await verdictAt(at, serverName))?.reason, 'wrong-host')
  })

  it('is an address by an address, which Windows would take for a name', async () => {
    const at = setting()
    assert.equal(await verdictAt(at, '192.0.2.1'), undefined)
    assert.equal(at.security.policies[0]?.serverName, undefined)
    const refusal = await verdictAt(at, '192.0.2.2')
    assert.equal(refusal?.reason, 'wrong-host')
    assert.match(refusal?.message ?? '', /wanted: 192\.0\.2\.2/)
  })
})

describe('time', () => {
  it('is that of the environment, as a FILETIME', async () => {
    const at = setting()
    const { server, root } = await cast()
    at.security.peerChain = [derOf(server)]
    const configuration = new TLSClientConfiguration({ trustStore: TrustStore.fromBuffer(root.certificate) })
    // 2020-01-01, of which Windows has counted 132223104000000000.
    const channel = at.backend
      .clientContext(configuration, { now: () => Date.UTC(2020, 0, 1) })
      .createBuffer('server.test')
    await withStatus(at, 0x1, 0)
    at.security.script = [
      opening,
      { call: 'InitializeSecurityContext', status: Status.SEC_E_OK },
      { call: 'ApplyControlToken', status: Status.SEC_E_UNSUPPORTED_FUNCTION },
    ]
    channel.handshake()
    channel.processIncoming(helloOf13)
    assert.throws(
      () => channel.handshake(),
      (error) => error instanceof CertificateError && error.reason === 'not-yet-valid',
    )
    assert.equal(at.security.chainRequests[0]?.time, 132_223_104_000_000_000n)
  })
})

it('nothing that verification opens stays open', async () => {
  for (const prepare of [
    () => {},
    (at: Setting) => withStatus(at, 1, 0),
    (at: Setting) => {
      at.security.policy = { error: 1 }
    },
  ]) {
    const at = setting()
    await prepare(at)
    await verdictAt(at)
    const { engines } = at.security
    assert.equal(engines.length, 1)
    // The engine and its store live with the context; chains and certificates are gone.
    assert.deepEqual(at.security.stillOpen(), { credentials: 1, store: 1, engine: 1 })
  }
})
