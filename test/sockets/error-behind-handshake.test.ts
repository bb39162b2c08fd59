import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { backends, ProtocolError, TLSServerConfiguration, TLSVersion } from 'polytls'
import { matching } from '../support/identities.ts'
import { client, rawServer } from './peers.ts'
import { readAll } from './streams.ts'

const welcome = 'welcome'
/** A record that nobody can decrypt. */
const forged = Buffer.concat([Buffer.of(0x17, 3, 3, 0, 32), Buffer.alloc(32, 7)])

describe('an error right behind the end of the handshake', async () => {
  const ours = await matching()
  for (const backend of backends.filter(({ available, name }) => available.yes && name !== 'schannel')) {
    for (const version of [TLSVersion.TLSv1_2, TLSVersion.TLSv1_3]) {
      test(`reaches who awaited the connection: ${backend.name}, ${version}`, async (t) => {
        const limits = { lowestSupportedVersion: version, highestSupportedVersion: version }
        const context = backend.serverContext(new TLSServerConfiguration({ ...ours.server, ...limits }))
        const port = await rawServer(t, (stream) => {
          const channel = context.createBuffer()
          stream.on('error', () => {})
          stream.on('data', (chunk) => {
            channel.processIncoming(chunk)
            const isDone = channel.handshake() === 'done'
            // In TLS 1.3 the client is done first.
            const isLast = isDone || version === TLSVersion.TLSv1_3
            if (isDone) channel.write(Buffer.from(welcome))
            stream.write(Buffer.concat([channel.processOutgoing(), ...(isLast ? [forged] : [])]))
            if (isLast) stream.removeAllListeners('data').resume()
          })
        })
        const { bytes, how } = await readAll(await client(t, port, { ...limits, backend }))
        assert.ok(how instanceof ProtocolError)
        // And what came before it was received.
        assert.equal(bytes.toString(), version === TLSVersion.TLSv1_2 ? welcome : '')
      })
    }
  }
})
