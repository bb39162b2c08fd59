import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import {
  type Backend,
  Certificate,
  CertificateError,
  type CertificateReason,
  ConfigurationError,
  PrivateKey,
  type Revocation,
  RevocationList,
  type ServerOptions,
  type SigningChain,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { encodeElement, encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { encodePem } from '#polytls/codec/pem.js'
import { forEachBackend, forEachPair, forEachVersion, has } from '../support/backends.ts'
import { type Contexts, connectionBetween, contextsFor } from '../support/connection.ts'
import { hostName } from '../support/identities.ts'
import { establish, negotiate, resumingConnection } from '../support/resumption.ts'
import {
  extension,
  keyUsage,
  makeKey,
  makeRevocationList,
  type RevocationListOptions,
} from '../x509/make-certificate.ts'
import { Authority } from '../x509/verify.ts'

const now = Date.parse('2025-01-01T00:00:00Z')
const root = new Authority('CN=Root')
const middle = new Authority('CN=Intermediate')
const key = makeKey()
const chain: SigningChain = {
  leaf: Certificate.fromBuffer(middle.issue(hostName, { serial: 7, key })),
  key: PrivateKey.fromBuffer(key.privateKey.export({ format: 'der', type: 'pkcs8' })),
  chain: [Certificate.fromBuffer(root.certify(middle, { serial: 8, extensions: [keyUsage(5, 6)] }))],
}
const trustStore = TrustStore.fromBuffer(root.root({ serial: 1 }))

const listBy = (authority: Authority, options: Partial<RevocationListOptions> = {}) =>
  RevocationList.fromBuffer(makeRevocationList({ issuer: authority.name, signer: authority.key, ...options }))
const good = [listBy(middle), listBy(root)]
const revoking = listBy(middle, { revoked: [3, 7] })

type Verdict = 'accepted' | { readonly reason: CertificateReason; readonly depth: number }
const revoked = (depth: number): Verdict => ({ reason: 'revoked', depth })
const unknown = (depth: number): Verdict => ({ reason: 'revocation-unknown', depth })

const verdicts: readonly { readonly what: string; readonly revocation: Revocation; readonly verdict: Verdict }[] = [
  { what: 'lists of all authorities that do not name it', revocation: { lists: good }, verdict: 'accepted' },
  { what: 'a list that names it', revocation: { lists: [revoking, listBy(root)] }, verdict: revoked(0) },
  {
    what: 'a list that names its issuer',
    revocation: { lists: [listBy(middle), listBy(root, { revoked: [8] })] },
    verdict: revoked(1),
  },
  {
    what: 'a list that names its issuer, where only its own certificate counts',
    revocation: { lists: [listBy(middle), listBy(root, { revoked: [8] })], scope: 'leaf' },
    verdict: 'accepted',
  },
  {
    what: 'a list that names the trusted certificate itself',
    revocation: { lists: [listBy(middle), listBy(root, { revoked: [1] })] },
    verdict: 'accepted',
  },
  { what: 'no list of its issuer', revocation: { lists: [listBy(root)] }, verdict: unknown(0) },
  { what: "no list of its issuer's issuer", revocation: { lists: [listBy(middle)] }, verdict: unknown(1) },
  {
    what: 'no list of anybody that matters, which is accepted',
    revocation: { lists: [listBy(new Authority('CN=Other'))], missing: 'accept' },
    verdict: 'accepted',
  },
  {
    what: 'a list that names it, where missing ones are accepted',
    revocation: { lists: [revoking], missing: 'accept' },
    verdict: revoked(0),
  },
  {
    what: 'a list that is out of date',
    revocation: { lists: [listBy(middle, { nextUpdate: '2024-12-31' }), listBy(root)], missing: 'accept' },
    verdict: unknown(0),
  },
  {
    what: 'a list that is not yet valid',
    revocation: { lists: [listBy(middle, { thisUpdate: '2025-01-02' }), listBy(root)], missing: 'accept' },
    verdict: unknown(0),
  },
  {
    what: 'a list that is out of date and names it',
    revocation: { lists: [listBy(middle, { nextUpdate: '2024-12-31', revoked: [7] }), listBy(root)] },
    verdict: revoked(0),
  },
  {
    what: 'an old list that names it, and a newer one that does not',
    revocation: {
      lists: [listBy(middle, { thisUpdate: '2023-06-01', revoked: [7] }), ...good],
    },
    verdict: 'accepted',
  },
  {
    what: 'an outdated list that names it, and a current one that does not',
    revocation: {
      lists: [listBy(middle, { thisUpdate: '2023-06-01', nextUpdate: '2024-12-01', revoked: [7] }), ...good],
    },
    verdict: 'accepted',
  },
  {
    what: 'a list that somebody else signed',
    revocation: { lists: [listBy(middle, { signer: makeKey() }), listBy(root)], missing: 'accept' },
    verdict: unknown(0),
  },
  {
    what: 'one file with all lists in PEM',
    revocation: {
      lists: [
        RevocationList.fromBuffer(
          [listBy(root), revoking]
            .map(({ source }) => encodePem('X509 CRL', source.kind === 'buffer' ? source.bytes : new Uint8Array(0)))
            .join('\n'),
        ),
      ],
    },
    verdict: revoked(0),
  },
]

const clock = { now: () => now }

forEachPair('revocation lists', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  if (has(clientBackend, 'revocation-lists')) {
    for (const { what, revocation, verdict } of verdicts) {
      it(`a client judges a server by ${what}`, async () => {
        using connection = connectionBetween(pairing, {
          client: { trustStore, revocation },
          server: { certificateChain: [chain] },
          clientEnvironment: clock,
        })
        assert.deepEqual(verdictOf((await connection.negotiate()).client), verdict)
      })
    }
  }
  if (!has(serverBackend, 'revocation-lists')) return
  for (const { what, revocation, verdict } of verdicts.slice(0, 6)) {
    it(`a server judges a client by ${what}`, async () => {
      using connection = connectionBetween(pairing, {
        client: { trustStore, certificateChain: chain },
        server: { certificateChain: [chain], clientAuthentication: 'required', trustStore, revocation },
        clientEnvironment: clock,
        serverEnvironment: clock,
      })
      assert.deepEqual(verdictOf((await connection.negotiate()).server), verdict)
    })
  }
  if (!has(clientBackend, 'sessions') || !has(serverBackend, 'sessions')) return
  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: a client that was revoked since does not get in by its session`, async () => {
      const keys = [{ name: randomBytes(16), secret: randomBytes(32) }]
      const contextsWith = (revocation: Revocation): Contexts =>
        contextsFor(pairing, {
          client: { ...bounds, trustStore, certificateChain: chain },
          server: {
            ...bounds,
            ...{ certificateChain: [chain], clientAuthentication: 'required', trustStore, revocation },
            sessions: { kind: 'stateless', ticketKeys: { current: () => keys } },
          },
          clientEnvironment: clock,
          serverEnvironment: clock,
        })
      const before = contextsWith({ lists: good })
      using first = await establish(resumingConnection(before))
      assert.equal(first.server.facts.verified, true)
      using again = await establish(resumingConnection({ ...before, server: contextsWith({ lists: good }).server }))
      assert.equal(again.server.facts.resumed, true)
      for (const revocation of [{ lists: [revoking, listBy(root)] }, { lists: good, scope: 'leaf' } as const]) {
        using later = resumingConnection({ ...before, server: contextsWith(revocation).server })
        const { server } = await negotiate(later)
        assert.equal(later.server.facts.resumed, false)
        assert.deepEqual(verdictOf(server), revocation.lists === good ? 'accepted' : revoked(0))
      }
    })
  })
})

forEachBackend('revocation lists', (backend) => {
  if (!has(backend, 'revocation-lists')) {
    it('are refused by name', () => {
      assertRefused('revocation', () => client(backend, { lists: good }))
    })
    return
  }

  it('that are trusted as they are need none', async () => {
    using connection = connectionBetween(
      { clientBackend: backend, serverBackend: backend },
      {
        client: { trustStore: TrustStore.fromCertificates([chain.leaf]), revocation: { lists: [revoking] } },
        server: { certificateChain: [chain] },
        clientEnvironment: clock,
      },
    )
    assert.equal(verdictOf((await connection.negotiate()).client), 'accepted')
  })

  describe('that can never tell anything are a mistake of the caller', () => {
    const flag = (field: number) => encodeElement(0x80 | field, Uint8Array.of(0xff))
    const point = (field: Uint8Array) => extension('2.5.29.28', encodeSequence(field), true)
    const useless: { readonly [what: string]: RevocationList } = {
      'a list of changes': listBy(middle, { extensions: [extension('2.5.29.27', encodeUnsigned(1), true)] }),
      'an indirect list': listBy(middle, { extensions: [point(flag(4))] }),
      'a list of some reasons': listBy(middle, { extensions: [point(encodeElement(0x83, Uint8Array.of(6, 0x40)))] }),
      'a list with a critical extension that nobody knows': listBy(middle, {
        extensions: [extension('1.2.3', Uint8Array.of(5, 0), true)],
      }),
      'no list': RevocationList.fromBuffer('nothing of the kind'),
      'a certificate': RevocationList.fromBuffer(root.root()),
      'a file with certificates only': RevocationList.fromBuffer(encodePem('CERTIFICATE', root.root())),
      'a file that does not exist': RevocationList.fromFile('/does/not/exist'),
    }
    for (const [what, list] of Object.entries(useless)) {
      it(what, () => assertRefused('revocation.lists[1]', () => client(backend, { lists: [revoking, list] })))
    }
  })

  it('are of no use to a server that asks for no certificate', () => {
    const options: ServerOptions = { certificateChain: [chain], revocation: { lists: good } }
    assertRefused('revocation', () => backend.serverContext(new TLSServerConfiguration(options)))
  })
})

function verdictOf(ending: unknown): Verdict {
  if (ending === 'done') return 'accepted'
  assert.ok(ending instanceof CertificateError, String(ending))
  return { reason: ending.reason, depth: ending.depth as number }
}

function client(backend: Backend, revocation: Revocation): unknown {
  return backend.clientContext(new TLSClientConfiguration({ trustStore, revocation }))
}

function assertRefused(field: string, make: () => unknown): void {
  assert.throws(make, (error) => error instanceof ConfigurationError && error.field === field)
}
