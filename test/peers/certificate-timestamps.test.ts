import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { TLSError } from 'polytls'
import { forEachBackend, has, only } from '../support/backends.ts'
import { connectTo, exchange, failureOf, finish, OwnServer } from './support/endpoints.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const timestamps = [Buffer.from('a timestamp'), Buffer.from('another')]
const extension = 18

/** RFC 6962, Section 3.3: the list, as the extension has it. */
function listOf(each: readonly Buffer[]): Buffer {
  const list = Buffer.concat(each.map((timestamp) => Buffer.concat([uint16(timestamp.length), timestamp])))
  return Buffer.concat([uint16(list.length), list])
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value)
}

/** What openssl(1) is to send: where, which extension, and what is in it. SSL_CTX_use_serverinfo(3). */
function serverInformation(list: Buffer): string {
  const places = Buffer.of(0, 0, 0x11, 0x80)
  const content = Buffer.concat([places, uint16(extension), uint16(list.length), list]).toString('base64')
  const path = join(identities.folder, 'timestamps.pem')
  writeFileSync(
    path,
    `-----BEGIN SERVERINFOV2 FOR TIMESTAMPS-----\n${content}\n-----END SERVERINFOV2 FOR TIMESTAMPS-----\n`,
  )
  return path
}

forEachBackend('certificate timestamps and openssl(1)', (backend) => {
  if (!has(backend, 'certificate-timestamps')) return

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: our client is given what s_server has, where it asks`, async () => {
      await using server = await startSServer(identities, [
        '-rev',
        '-serverinfo',
        serverInformation(listOf(timestamps)),
      ])
      for (const certificateTimestamps of [true, false]) {
        const { trustStore } = identities
        const socket = await connectTo(backend, server.port, { trustStore, certificateTimestamps, ...only(version) })
        assert.deepEqual(
          socket.facts.signedCertificateTimestamps.map((each) => Buffer.from(each).toString()),
          certificateTimestamps ? timestamps.map(String) : [],
        )
        await finish(socket)
      }
    })
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`${version}: a list that is malformed ends the connection`, async () => {
      const [timestamp] = timestamps as [Buffer]
      for (const list of [
        Buffer.alloc(0),
        uint16(0),
        listOf([timestamp, Buffer.alloc(0)]),
        listOf(timestamps).subarray(0, -1),
        Buffer.concat([listOf(timestamps), Buffer.of(0)]),
      ]) {
        await using server = await startSServer(identities, ['-rev', '-serverinfo', serverInformation(list)])
        const { trustStore } = identities
        const ours = connectTo(backend, server.port, { trustStore, certificateTimestamps: true, ...only(version) })
        const error = await failureOf(ours)
        assert.ok(error instanceof TLSError, String(error))
        assert.equal(error.alert, 'decode_error')
        await server.reports(/alert decode error/)
      }
    })
  }

  // In TLS 1.3 it has no way to ask without also judging them, and these are none.
  it('TLSv1.2: s_client is given what our server has, where it asks', async () => {
    const chain = { ...identities.server().signingChain, signedCertificateTimestamps: timestamps }
    await using server = await OwnServer.start(backend, { certificateChain: [chain], sessions: 'none' })
    for (const asks of [true, false]) {
      const options = [onlyVersion['TLSv1.2'], ...(asks ? ['-serverinfo', `${extension}`] : [])]
      await using client = startSClient(identities, server.port, options)
      const socket = await server.accepted()
      await exchange(socket, client)
      const shown = /-----BEGIN SERVERINFO FOR EXTENSION 18-----\s+([\s\S]*?)-----END/.exec(client.report)?.[1]
      const list = listOf(timestamps)
      const expected = Buffer.concat([uint16(extension), uint16(list.length), list]).toString('base64')
      assert.equal(shown?.replaceAll('\n', ''), asks ? expected : undefined)
      await finish(socket)
    }
  })
})
