import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { CertificateError, ConfigurationError, portable, schannel, TrustStore } from 'polytls'
import { SchannelBackend } from '#polytls/backends/schannel/backend.js'
import type { NativeSecurity } from '#polytls/backends/schannel/native.js'
import { loadWindowsSecurity } from '#polytls/backends/schannel/windows-security.js'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { chainOf } from '../backends/schannel/setting.ts'
import { connectionBetween, connectionOf, contextsFor } from '../support/connection.ts'

const notHere = schannel.available.yes ? false : schannel.available.reason

/** What each function opens, as many as its answer says; what closes one of them. */
const opening: Readonly<Record<string, readonly [kind: Kind, count: (answer: never, call: never) => number]>> = {
  AcquireCredentialsHandle: ['credentials', ({ handle }: { handle?: object }) => (handle === undefined ? 0 : 1)],
  InitializeSecurityContext: ['context', newContexts],
  AcceptSecurityContext: ['context', newContexts],
  QueryContextAttributes: ['certificate', ({ value }: { value?: unknown }) => (typeof value === 'bigint' ? 1 : 0)],
  CertFindCertificatesInStore: ['certificate', ({ length }: readonly bigint[]) => length],
  CertOpenStoreInMemory: ['store', answered],
  CertOpenSystemStore: ['store', answered],
  PFXImportCertStore: ['store', answered],
  CertCreateCertificateChainEngine: ['engine', answered],
  CertGetCertificateChain: ['chain', answered],
}
const closing: Readonly<Record<string, Kind>> = {
  FreeCredentialsHandle: 'credentials',
  DeleteSecurityContext: 'context',
  CertFreeCertificateContext: 'certificate',
  CertCloseStore: 'store',
  CertFreeCertificateChainEngine: 'engine',
  CertFreeCertificateChain: 'chain',
}

function newContexts(answer: { context?: object }, call: { context?: object }): number {
  return call.context === undefined && answer.context !== undefined ? 1 : 0
}

function answered({ value }: { value?: unknown }): number {
  return value === undefined ? 0 : 1
}

type Kind = 'credentials' | 'context' | 'certificate' | 'store' | 'engine' | 'chain'
type Account = Record<Kind, number>
const nothing: Account = { credentials: 0, context: 0, certificate: 0, store: 0, engine: 0, chain: 0 }

/** Windows itself, with an account of what is open, and of how much was opened in all. */
function accounted(): { native: NativeSecurity; open: Account; opened: Account } {
  const native = loadWindowsSecurity()
  assert.ok(!('reason' in native))
  const open = { ...nothing }
  const opened = { ...nothing }
  const add = (to: Account, kind: Kind, count: number): void => {
    to[kind] += count
  }
  const proxy = new Proxy(native, {
    get(target, name, receiver) {
      const member = Reflect.get(target, name, receiver) as unknown
      if (typeof member !== 'function') return member
      return (...values: unknown[]) => {
        const answer = Reflect.apply(member, target, values) as unknown
        const [kind, count] = opening[String(name)] ?? []
        if (kind !== undefined && count !== undefined) {
          const more = count(answer as never, values[0] as never)
          add(open, kind, more)
          add(opened, kind, more)
        }
        const closed = closing[String(name)]
        if (closed !== undefined) add(open, closed, -1)
        return answer
      }
    },
  })
  return { native: proxy, open, opened }
}

// Contexts go when nobody mentions them any more.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const what = 'everything that is opened in Windows is closed, however connections end'
it(what, { skip: notHere }, async () => {
  const { native, open, opened } = accounted()
  const clientBackend = new SchannelBackend({ name: 'schannel', load: () => native, now: Date.now, legacy: false })
  const pairing = { clientBackend, serverBackend: portable }
  const rsa = { keyKind: 'rsa-2048' } as const
  const root = await makeAuthority({ name: 'Root', ...rsa })
  const stranger = TrustStore.fromBuffer((await makeAuthority({ name: 'A Stranger', ...rsa })).certificate)
  const trustStore = TrustStore.fromBuffer(root.certificate)
  const certificateChain = chainOf(await root.issue({ name: 'Client', ...rsa }))
  const identity = chainOf(await root.issue({ name: 'Server', names: ['server.test'], ...rsa }))
  const server = { certificateChain: [identity], clientAuthentication: 'required', trustStore } as const
  const contexts = contextsFor(pairing, { client: { trustStore, certificateChain }, server })
  const standing = { ...open }
  assert.ok(standing.credentials > 0 && standing.engine > 0 && standing.store > 0)

  for (let count = 0; count < 20; count++) {
    using connection = await connectionOf(contexts).establish()
    assert.equal(connection.transfer('client', Buffer.from('data')).toString(), 'data')
    // Every other one ends without a word.
    if (count % 2 === 0) connection.client.shutdown()
  }
  assert.deepEqual(open, standing)

  // In a function of its own, so that nothing of it is mentioned afterwards.
  const failInEveryWay = async (): Promise<void> => {
    const refused = connectionBetween(pairing, { client: { trustStore: stranger, certificateChain }, server })
    assert.ok((await refused.negotiate()).client instanceof CertificateError)
    refused[Symbol.dispose]()
    const refusing = connectionBetween(pairing, { client: { trustStore }, server })
    assert.ok((await refusing.negotiate()).server instanceof CertificateError)
    refusing[Symbol.dispose]()
    const halfway = connectionBetween(pairing, { client: { trustStore, certificateChain }, server })
    halfway.client.handshake()
    halfway[Symbol.dispose]()
    const unreadable = TrustStore.fromBuffer('none')
    assert.throws(() => contextsFor(pairing, { client: { trustStore: unreadable }, server }), ConfigurationError)
  }
  for (let count = 0; count < 5; count++) await failInEveryWay()
  assert.ok(opened.context >= 35 && opened.certificate >= 30 && opened.chain >= 25)
  for (let round = 0; round < 50 && !isDeepStrictEqual(open, standing); round++) {
    collect()
    await setImmediate()
  }
  assert.deepEqual(open, standing)
  assert.equal(contexts.client.backend, clientBackend)
})
