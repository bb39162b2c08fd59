import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import { StartTLSError, startTlsServer, UpgradableSocket, upgrade } from 'polytls'
import { matching } from '../support/identities.ts'
import { type MemoryPairOptions, memoryPair } from './memory-duplex.ts'
import { destroyAfter, hostName, tcpPair } from './peers.ts'
import { closed, errorOf, readAll, readExactly, rejection } from './streams.ts'

const ours = await matching()
const asClient = { serverName: hostName, ...ours.client }
const asServer = { isServer: true, ...ours.server } as const

async function upgradablePair(t: TestContext): Promise<[UpgradableSocket, UpgradableSocket]> {
  const [here, there] = await tcpPair(t)
  return [destroyAfter(t, new UpgradableSocket(here)), destroyAfter(t, new UpgradableSocket(there))]
}

describe('an upgradable socket', () => {
  test('is one object through plain text, TLS and plain text again', async (t) => {
    const [client, server] = await upgradablePair(t)
    assert.equal(client.isEncrypted, false)
    client.write('STARTTLS')
    assert.equal((await readExactly(server, 8)).toString(), 'STARTTLS')
    server.write('go')
    const serving = server.upgrade(asServer)
    assert.equal((await readExactly(client, 2)).toString(), 'go')
    const [tls] = await Promise.all([client.upgrade(asClient), serving])
    assert.ok(client.isEncrypted && client.encrypted && server.isEncrypted)
    assert.equal(client.tls, tls)
    assert.equal(server.tls?.facts.serverName, hostName)
    assert.equal(client.remoteAddress, '127.0.0.1')

    client.write('secret')
    assert.equal((await readExactly(server, 6)).toString(), 'secret')
    server.write('the last of TLS')
    await Promise.all([client.unwrap(), server.unwrap(), readExactly(client, 15)])
    assert.equal(client.isEncrypted, false)
    assert.equal(client.tls, undefined)
    client.end('plain again')
    assert.equal((await readAll(server)).bytes.toString(), 'plain again')
    server.end('bye')
    assert.equal((await readAll(client)).bytes.toString(), 'bye')
    await Promise.all([closed(client), closed(server)])
  })

  test('goes on in plain text where the word for it and the peer’s close_notify come in one piece', async (t) => {
    for (let waits = 0; waits < 5; waits++) {
      const [client, server] = await upgradablePair(t)
      await Promise.all([client.upgrade(asClient), server.upgrade(asServer)])
      // In the same turn, and so in one piece.
      server.write('200')
      const unwrapping = server.unwrap()
      const [word] = await once(client, 'data')
      assert.equal(String(word), '200')
      for (let i = 0; i < waits; i++) await Promise.resolve()
      await Promise.all([client.unwrap(), unwrapping])
      server.write('plain')
      const [plain] = await once(client, 'data')
      assert.equal(String(plain), 'plain')
    }
  })

  test('ends where the peer ends TLS and nobody calls unwrap', async (t) => {
    const [client, server] = await upgradablePair(t)
    await Promise.all([client.upgrade(asClient), server.upgrade(asServer)])
    server.write('200')
    server.unwrap().catch(() => {})
    assert.deepEqual(await readAll(client), { bytes: Buffer.from('200'), how: 'end' })
    assert.match((await rejection(client.unwrap())).message, /not open/)
  })

  const wires: Record<string, MemoryPairOptions> = {
    'a wire in memory': {},
    'a wire that takes one byte before it is full': { highWaterMark: 1, slow: true },
  }
  for (const [wire, options] of Object.entries(wires)) {
    test(`keeps everything that is written in its order, over ${wire}`, async (t) => {
      const [here, there] = memoryPair(options)
      const client = destroyAfter(t, new UpgradableSocket(here))
      client.write('a'.repeat(100))
      client.write('go')
      const upgrading = client.upgrade(asClient)
      // In one breath: this belongs inside.
      client.write('b'.repeat(100))
      client.end('c')
      assert.equal((await readExactly(there, 102)).toString(), `${'a'.repeat(100)}go`)
      const server = destroyAfter(t, await upgrade(there, asServer))
      await upgrading
      assert.equal((await readAll(server)).bytes.toString(), `${'b'.repeat(100)}c`)
    })
  }

  test('keeps its listeners: data goes on where it stopped', async (t) => {
    const [client, server] = await upgradablePair(t)
    const heard: string[] = []
    client.on('data', (chunk: Buffer) => {
      heard.push(String(chunk))
      if (String(chunk) === 'go') client.upgrade(asClient).then(() => client.write('ready'))
    })
    server.write('go')
    await server.upgrade(asServer)
    assert.equal((await readExactly(server, 5)).toString(), 'ready')
    server.end('inside')
    await once(client, 'end')
    assert.deepEqual(heard, ['go', 'inside'])
  })

  test('plain text that was not read when TLS is to begin is an injection, and reaches no listener', async (t) => {
    const [here, there] = memoryPair()
    const client = destroyAfter(t, new UpgradableSocket(here))
    const heard: string[] = []
    let failed: Promise<Error & { code?: string }> | undefined
    client.on('data', (chunk: Buffer) => {
      heard.push(String(chunk))
      failed ??= rejection(client.upgrade(asClient))
    })
    // Both pieces are there before the first is read.
    here.pause()
    here.push(Buffer.from('go'))
    here.push(Buffer.from('evil'))
    here.resume()
    await once(client, 'data')
    const error = await failed
    assert.ok(error instanceof StartTLSError)
    assert.equal(error.code, 'ERR_TLS_STARTTLS_INJECTION')
    assert.equal(error.said, 'evil')
    await closed(client)
    assert.deepEqual(heard, ['go'])
    there.destroy()

    const [near, far] = await tcpPair(t)
    const server = destroyAfter(t, new UpgradableSocket(near))
    far.write('STARTTLS\r\nMAIL')
    await once(server, 'readable')
    await readExactly(server, 10)
    assert.equal((await rejection(server.upgrade(asServer))).code, 'ERR_TLS_STARTTLS_INJECTION')
  })

  test('a server that has heard the beginning of TLS already does not lose it', async (t) => {
    const [client, server] = await upgradablePair(t)
    const upgrading = client.upgrade(asClient)
    await once(server, 'readable')
    assert.ok(server.readableLength > 100)
    await Promise.all([server.upgrade(asServer), upgrading])
    server.end('hello')
    assert.equal((await readAll(client)).bytes.toString(), 'hello')
  })

  test('holds the dialogue of a protocol', async (t) => {
    const [here, there] = await tcpPair(t)
    const serving = startTlsServer(there, 'smtp', { ...ours.server, dialogue: { serverName: 'mail.test' } })
    const client = destroyAfter(t, new UpgradableSocket(here))
    // The greeting is there before anybody asks for it.
    await once(client, 'readable')
    const { learned } = await client.startTls('smtp', asClient)
    assert.equal(learned.greeting, 'mail.test ESMTP')
    assert.ok(client.isEncrypted)
    destroyAfter(t, (await serving).socket).end('250 hello')
    assert.equal((await readAll(client)).bytes.toString(), '250 hello')
  })

  test('stays in plain text where that is allowed', async (t) => {
    const [here, there] = await tcpPair(t)
    there.write('220 mail.test\r\n')
    there.once('data', () => {
      there.write('250 mail.test\r\n')
      there.once('data', () => there.end('250 ok\r\n'))
    })
    const client = destroyAfter(t, new UpgradableSocket(here))
    const started = await client.startTls('smtp', { ...asClient, opportunistic: true })
    assert.equal(started.isEncrypted, false)
    assert.equal(client.isEncrypted, false)
    client.write('NOOP\r\n')
    assert.equal((await readAll(client)).bytes.toString(), '250 ok\r\n')
  })

  test('closes where a change fails, with its error', async (t) => {
    const [client, server] = await upgradablePair(t)
    client.on('error', () => {})
    server.on('error', () => {})
    const upgrading = rejection(client.upgrade({ ...asClient, serverName: 'somebody.else' }))
    server.upgrade(asServer).catch(() => {})
    const error = await upgrading
    assert.equal(error.code, 'ERR_TLS_CERTIFICATE')
    assert.equal(client.errored, error)
    await closed(client)
  })

  test('ends with what is below', async (t) => {
    const [here, there] = memoryPair()
    const client = destroyAfter(t, new UpgradableSocket(here))
    const failed = errorOf(client)
    here.destroy(new Error('the cable was cut'))
    assert.equal((await failed).message, 'the cable was cut')
    there.destroy()
  })

  test('changes once at a time, and only when it is open', async (t) => {
    const [client, server] = await upgradablePair(t)
    assert.equal((await rejection(client.unwrap())).code, 'ERR_TLS_USAGE')
    const first = client.upgrade(asClient)
    assert.match((await rejection(client.upgrade(asClient))).message, /changing already/)
    await Promise.all([first, server.upgrade(asServer)])
    assert.match((await rejection(client.upgrade(asClient))).message, /encrypted already/)
    const given = memoryPair()[0]
    given.destroy()
    assert.throws(() => new UpgradableSocket(given), { code: 'ERR_TLS_USAGE' })
    client.destroy()
    assert.match((await rejection(client.unwrap())).message, /not open/)
  })
})
