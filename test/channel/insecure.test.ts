import assert from 'node:assert/strict'
import process from 'node:process'
import { describe, it } from 'node:test'
import * as polytls from 'polytls'
import {
  CertificateError,
  type ClientContext,
  ConfigurationError,
  type ServerContext,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import * as insecure from 'polytls/insecure'
import { insecureClientContext, insecureServerContext } from 'polytls/insecure'
import { insecureOptions } from '#polytls/channel/insecure.js'
import { makeAuthority, makeSelfSigned } from '#polytls/cli/certificates.js'
import { forEachBackend, has } from '../support/backends.ts'
import { type Connection, connectionOf } from '../support/connection.ts'
import { authority, clientIdentity, hostName, matching, signingChain, trusting } from '../support/identities.ts'

// They are what is tested here, not what anybody has to read.
process.removeAllListeners('warning')

/** What the process warns of while something runs. */
async function warningsOf(run: () => unknown): Promise<readonly Error[]> {
  const warnings: Error[] = []
  const note = (warning: Error): unknown => warnings.push(warning)
  // Warnings are emitted on the next tick: those of before are not meant.
  await new Promise((resolve) => setImmediate(resolve))
  process.on('warning', note)
  try {
    await run()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', note)
  }
  return warnings
}

const connected = async (client: ClientContext, server: ServerContext, serverName?: string): Promise<Connection> =>
  connectionOf({ client, server }, serverName === undefined ? {} : { serverName }).establish()

forEachBackend('polytls/insecure', (backend) => {
  it('a client that skips the chain accepts whatever a server shows, for any name, and says that it is not verified', async () => {
    const past = new Date(Date.now() - 86_400_000)
    for (const identity of [
      await makeSelfSigned({ name: 'Self', names: ['elsewhere.test'] }),
      await (await makeAuthority({ name: 'Nobody' })).issue({ name: 'Stranger', names: [hostName] }),
      await (await authority()).issue({ name: 'Old', names: [hostName], notBefore: new Date(0), notAfter: past }),
    ]) {
      const server = backend.serverContext(new TLSServerConfiguration({ certificateChain: [signingChain(identity)] }))
      const client = insecureClientContext(new TLSClientConfiguration(), { backend, skipChainVerification: true })
      using connection = await connected(client, server)
      assert.equal(connection.client.facts.verified, false)
      assert.ok(connection.client.facts.peerCertificate)
      assert.equal(connection.transfer('client', Buffer.from('in the open')).toString(), 'in the open')
    }
  })

  it('a client that skips the name accepts any name, but only of a chain that it can verify', async () => {
    const { client, server } = await matching()
    const serverContext = backend.serverContext(new TLSServerConfiguration(server))
    const clientContext = insecureClientContext(new TLSClientConfiguration(client), {
      backend,
      skipHostNameCheck: true,
    })
    for (const serverName of ['elsewhere.test', '192.0.2.1', hostName]) {
      using connection = await connected(clientContext, serverContext, serverName)
      assert.equal(connection.client.facts.verified, true)
      assert.equal(connection.client.facts.serverName, serverName)
    }
    const stranger = await makeSelfSigned({ name: 'Self', names: ['elsewhere.test'] })
    const strange = backend.serverContext(new TLSServerConfiguration({ certificateChain: [signingChain(stranger)] }))
    using connection = connectionOf({ client: clientContext, server: strange }, { serverName: 'elsewhere.test' })
    const endings = await connection.negotiate()
    assert.ok(endings.client instanceof CertificateError, String(endings.client))
    assert.equal(endings.client.reason, 'self-signed')
  })

  it('the very same configuration verifies in a context of the backend itself', async () => {
    const { server } = await matching()
    const configuration = new TLSClientConfiguration({ trustStore: trusting(await makeAuthority({ name: 'Other' })) })
    insecureClientContext(configuration, { backend, skipChainVerification: true })
    const serverContext = backend.serverContext(new TLSServerConfiguration(server))
    using connection = connectionOf({ client: backend.clientContext(configuration), server: serverContext })
    const endings = await connection.negotiate()
    assert.ok(endings.client instanceof CertificateError, String(endings.client))
  })

  it('a server that skips the chain accepts any client certificate, and says that it is not verified', async () => {
    const { client, server } = await matching()
    const configuration = new TLSServerConfiguration({
      ...server,
      clientAuthentication: 'required',
      trustStore: trusting(await authority()),
    })
    const serverContext = insecureServerContext(configuration, { backend, skipChainVerification: true })
    for (const identity of [await makeSelfSigned({ name: 'Anybody' }), await clientIdentity()]) {
      const clientContext = backend.clientContext(
        new TLSClientConfiguration({ ...client, certificateChain: signingChain(identity) }),
      )
      using connection = await connected(clientContext, serverContext)
      assert.equal(connection.server.facts.verified, false)
      assert.ok(connection.server.facts.peerCertificate)
      assert.equal(connection.client.facts.verified, true)
    }
    using without = connectionOf({
      client: backend.clientContext(new TLSClientConfiguration(client)),
      server: serverContext,
    })
    const endings = await without.negotiate()
    assert.ok(endings.server instanceof CertificateError, String(endings.server))
    assert.equal(endings.server.reason, 'missing')
  })

  if (has(backend, 'verify-peer')) {
    it('the veto is asked all the same', async () => {
      const { server } = await matching()
      let asked = 0
      const configuration = new TLSClientConfiguration({
        verifyPeer: () => {
          asked++
          return { accept: false, reason: 'no' }
        },
      })
      using connection = connectionOf({
        client: insecureClientContext(configuration, { backend, skipChainVerification: true }),
        server: backend.serverContext(new TLSServerConfiguration(server)),
      })
      const endings = await connection.negotiate()
      assert.ok(endings.client instanceof CertificateError, String(endings.client))
      assert.equal(endings.client.reason, 'vetoed')
      assert.equal(asked, 1)
    })
  }

  it('every context warns, once, that it is not secure', async () => {
    const { server } = await matching()
    const serverConfiguration = new TLSServerConfiguration({
      ...server,
      clientAuthentication: 'requested',
      trustStore: trusting(await authority()),
    })
    const configuration = new TLSClientConfiguration({ trustStore: trusting(await authority()) })
    for (const make of [
      () => insecureClientContext(configuration, { backend, skipChainVerification: true }),
      () => insecureClientContext(configuration, { backend, skipHostNameCheck: true }),
      () => insecureServerContext(serverConfiguration, { backend, skipChainVerification: true }),
    ]) {
      for (let time = 0; time < 2; time++) {
        const warnings = await warningsOf(make)
        assert.deepEqual(
          warnings.map(({ name }) => name),
          ['SecurityWarning'],
        )
      }
    }
    assert.deepEqual(await warningsOf(() => backend.clientContext(configuration)), [])
  })

  it('the policy leastSecure warns at every context', async () => {
    const configuration = new TLSClientConfiguration({ trustStore: trusting(await authority()), policy: 'leastSecure' })
    for (let time = 0; time < 2; time++) {
      const [warning, ...rest] = await warningsOf(() => backend.clientContext(configuration))
      assert.equal(warning?.name, 'SecurityWarning')
      assert.match(warning?.message ?? '', /leastSecure/)
      assert.deepEqual(rest, [])
    }
  })

  it('the environment of a context holds beside what is skipped', async () => {
    const { client, server } = await matching()
    const context = insecureClientContext(new TLSClientConfiguration(client), {
      backend,
      skipHostNameCheck: true,
      environment: { now: () => Date.now() + 90 * 86_400_000 },
    })
    using connection = connectionOf({
      client: context,
      server: backend.serverContext(new TLSServerConfiguration(server)),
    })
    const endings = await connection.negotiate()
    assert.ok(endings.client instanceof CertificateError, String(endings.client))
    assert.equal(endings.client.reason, 'expired')
  })
})

describe('polytls/insecure', () => {
  it('refuses a call that asks for nothing insecure, or for what it does not know', async () => {
    const { server } = await matching()
    const client = new TLSClientConfiguration()
    const required = { clientAuthentication: 'required', trustStore: trusting(await authority()) } as const
    const asking = new TLSServerConfiguration({ ...server, ...required })
    for (const call of [
      () => insecureClientContext(client, {}),
      () => insecureClientContext(client, { skipChainVerification: undefined } as never),
      () => insecureServerContext(asking, {}),
      () => insecureServerContext(new TLSServerConfiguration(server), { skipChainVerification: true }),
      () => insecureClientContext(client, { skipChainVerification: true, backend: 'no such backend' }),
    ]) {
      assert.deepEqual(await warningsOf(() => assert.throws(call, ConfigurationError)), [])
    }
    for (const call of [
      () => insecureClientContext(client, { skipChainVerification: false } as never),
      () => insecureClientContext(client, { skipChainVerification: 'yes' } as never),
      () => insecureClientContext(client, { skipEverything: true } as never),
      () => insecureServerContext(asking, { skipHostNameCheck: true } as never),
    ]) {
      assert.deepEqual(await warningsOf(() => assert.throws(call, TypeError)), [])
    }
  })

  it('takes a backend by name, or the default one', () => {
    const configuration = new TLSClientConfiguration()
    const expected = polytls.defaultBackend()
    assert.equal(insecureClientContext(configuration, { skipChainVerification: true }).backend, expected)
    const named = insecureClientContext(configuration, { skipChainVerification: true, backend: expected.name })
    assert.equal(named.backend, expected)
  })

  it('gives out functions alone, and the main entry nothing by which verification could be switched off', () => {
    assert.deepEqual(Object.keys(insecure).sort(), ['insecureClientContext', 'insecureServerContext'])
    assert.deepEqual(
      reachable(polytls).filter((value) => value === insecureOptions),
      [],
    )
    // The search does find symbols.
    assert.ok(reachable({ a: { [insecureOptions]: {} } }).includes(insecureOptions))
    for (const name of Object.keys(polytls)) assert.doesNotMatch(name, /insecure|unverified|skip/i)
  })

  it('cannot be had through a look-alike symbol or a configuration', async () => {
    const { server } = await matching()
    const backend = polytls.defaultBackend()
    const skip = { skipChainVerification: true, skipHostNameCheck: true }
    const serverContext = backend.serverContext(new TLSServerConfiguration(server))
    const trustStore = trusting(await makeAuthority({ name: 'Other' }))
    const environment = {
      [Symbol('polytls.insecure')]: skip,
      [Symbol.for('polytls.insecure')]: skip,
      'polytls.insecure': skip,
      insecureOptions: skip,
      ...skip,
    }
    const clientContext = backend.clientContext(new TLSClientConfiguration({ trustStore }), environment as never)
    using connection = connectionOf({ client: clientContext, server: serverContext })
    const endings = await connection.negotiate()
    assert.ok(endings.client instanceof CertificateError, String(endings.client))
    for (const name of ['rejectUnauthorized', 'skipChainVerification', 'skipHostNameCheck', 'checkServerIdentity']) {
      assert.throws(() => new TLSClientConfiguration({ [name]: false } as never), TypeError)
    }
    // A symbol is no option; a configuration drops it.
    const withSymbol = new TLSClientConfiguration({ trustStore, [insecureOptions]: skip } as never)
    assert.deepEqual(Object.getOwnPropertySymbols(withSymbol), [])
  })
})

/** Everything that can be reached from a value by its properties, symbols and prototypes. */
function reachable(start: unknown): readonly unknown[] {
  const seen = new Set<unknown>()
  const waiting: unknown[] = [start]
  for (let value = waiting.pop(); value !== undefined || waiting.length > 0; value = waiting.pop()) {
    if (value === null || seen.has(value)) continue
    seen.add(value)
    if (typeof value !== 'object' && typeof value !== 'function') continue
    // What the language itself brings leads everywhere and to nothing of ours.
    if (isBuiltIn(value as object)) continue
    waiting.push(Object.getPrototypeOf(value))
    for (const key of Reflect.ownKeys(value as object)) {
      seen.add(key)
      const property = Object.getOwnPropertyDescriptor(value, key)
      waiting.push(property?.value, property?.get, property?.set)
    }
  }
  return [...seen]
}

function isBuiltIn(value: object): boolean {
  return [Object.prototype, Function.prototype, Array.prototype, Error.prototype, Error, Object, Function].includes(
    value as never,
  )
}
