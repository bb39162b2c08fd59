import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  type Backend,
  BackendError,
  backendNamed,
  backends,
  ConfigurationError,
  createOpenSSLBackend,
  defaultBackend,
  openssl,
  systemOpenSSL,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { connectionOf } from '../../support/connection.ts'
import { matching, serverIdentity, signingChain } from '../../support/identities.ts'

const run = promisify(execFile)

describe('where OpenSSL comes from', () => {
  it('the OpenSSL inside Node is the one that Node says it has', () => {
    assert.deepEqual(openssl.available, { yes: true })
    assert.ok(openssl.version.includes(process.versions.openssl.replace(/\+.*$/, '')), openssl.version)
  })

  it('both that of Node and that of the system work in one process, and speak with each other', async (context) => {
    if (!systemOpenSSL.available.yes) {
      context.skip(systemOpenSSL.available.reason)
      return
    }
    const { client, server } = await matching()
    for (const [one, other] of [
      [openssl, systemOpenSSL],
      [systemOpenSSL, openssl],
    ] as const) {
      using connection = connectionOf({
        client: one.clientContext(new TLSClientConfiguration(client)),
        server: other.serverContext(new TLSServerConfiguration(server)),
      })
      await connection.establish()
      assert.equal(connection.transfer('client', Buffer.from('across')).toString(), 'across')
    }
  })

  it('a library of one’s own choice can be given by its paths', async (context) => {
    const backend = createOpenSSLBackend({
      name: 'my-openssl',
      library: { libcrypto: 'libcrypto.so.3', libssl: 'libssl.so.3' },
    })
    if (!backend.available.yes) {
      context.skip(backend.available.reason)
      return
    }
    assert.equal(backend.name, 'my-openssl')
    assert.match(backend.version, /^OpenSSL 3\./)
    const { client, server } = await matching()
    using connection = connectionOf({
      client: backend.clientContext(new TLSClientConfiguration(client)),
      server: backend.serverContext(new TLSServerConfiguration(server)),
    })
    await connection.establish()
    assert.equal(connection.client.context.backend, backend)
  })

  for (const { what, library } of [
    {
      what: 'a library that does not exist',
      library: { libcrypto: '/nowhere/libcrypto.so', libssl: '/nowhere/libssl.so' },
    },
    { what: 'a file that is no library', library: { libcrypto: '/etc/passwd', libssl: '/etc/passwd' } },
    { what: 'a library that is not OpenSSL', library: { libcrypto: 'libc.so.6', libssl: 'libm.so.6' } },
  ]) {
    it(`${what} is not available, says why, and makes nothing`, async () => {
      const backend = createOpenSSLBackend({ name: 'broken', library })
      await assertUnavailable(backend, (reason) => reason.includes(library.libcrypto))
    })
  }

  it('backends have names, and an unknown one is refused with those that there are', () => {
    for (const backend of backends) assert.equal(backendNamed(backend.name), backend)
    assert.throws(
      () => backendNamed('opensll'),
      (error) =>
        error instanceof ConfigurationError && error.field === 'backend' && error.message.includes('openssl-system'),
    )
    assert.equal(defaultBackend(), openssl)
  })

  it('a configuration that is none is a TypeError', async () => {
    const { server } = await matching()
    const serverConfiguration = new TLSServerConfiguration(server)
    for (const wrong of [{}, undefined, serverConfiguration]) {
      assert.throws(() => openssl.clientContext(wrong as never), TypeError)
    }
    for (const wrong of [{}, undefined, new TLSClientConfiguration()]) {
      assert.throws(() => openssl.serverContext(wrong as never), TypeError)
    }
  })

  it('under the permission model both say that addons are not allowed, and work where they are', async (context) => {
    const flag = ['--permission', '--experimental-permission'].find((each) =>
      process.allowedNodeEnvironmentFlags.has(each),
    )
    if (flag === undefined) {
      context.skip('this runtime has no permission model')
      return
    }
    const child = fileURLToPath(new URL('availability-child.js', import.meta.url))
    const tell = async (
      ...flags: readonly string[]
    ): Promise<{ available: { name: string; yes: boolean; reason?: string }[] }> => {
      const { stdout } = await run(process.execPath, [flag, '--allow-fs-read=*', '--no-warnings', ...flags, child])
      return JSON.parse(stdout)
    }
    const { available } = await tell()
    for (const { name, yes, reason } of available) {
      if (!name.startsWith('openssl')) continue
      assert.equal(yes, false)
      assert.match(reason ?? '', /addon/i)
    }
    const [embedded] = (await tell('--allow-addons')).available
    assert.deepEqual(embedded, { name: 'openssl', yes: true })
  })

  it('without koffi the package loads, and both backends say what is missing', async () => {
    const child = fileURLToPath(new URL('availability-child.js', import.meta.url))
    const hook = fileURLToPath(new URL('../../../../test/backends/openssl/hide-koffi.cjs', import.meta.url))
    const { stdout } = await run(process.execPath, ['--require', hook, child])
    const told = JSON.parse(stdout) as {
      available: { name: string; reason?: string }[]
      context: { name: string; message: string }
      fallback: { name: string; field: string; message: string; hint: string } | { backend: string }
    }
    for (const { name, reason } of told.available) {
      if (name.startsWith('openssl')) assert.match(reason ?? '', /koffi is not installed/)
    }
    assert.equal(told.context.name, 'BackendError')
    assert.match(told.context.message, /koffi/)
    if ('backend' in told.fallback) {
      assert.ok(!told.fallback.backend.startsWith('openssl'))
    } else {
      assert.equal(told.fallback.name, 'ConfigurationError')
      assert.match(told.fallback.message, /openssl: .*koffi.*openssl-system: .*koffi/)
      assert.match(told.fallback.hint, /npm install koffi/)
    }
  })
})

async function assertUnavailable(backend: Backend, says: (reason: string) => boolean): Promise<void> {
  const { available } = backend
  assert.ok(!available.yes)
  assert.ok(says(available.reason), available.reason)
  assert.equal(backend.version, '')
  assert.deepEqual(backend.capabilities.roles, [])
  assert.deepEqual(backend.capabilities.ciphers, [])
  assert.equal(backend.capabilities.features.size, 0)
  const client = new TLSClientConfiguration()
  const server = new TLSServerConfiguration({ certificateChain: [signingChain(await serverIdentity())] })
  for (const call of [
    () => backend.clientContext(client),
    () => backend.serverContext(server),
    () => backend.explain(client),
  ]) {
    assert.throws(
      call,
      (error) =>
        error instanceof BackendError && error.backend === backend.name && error.message.includes(available.reason),
    )
  }
}
