import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Certificate,
  createPortableBackend,
  PrivateKey,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { startClient } from '#polytls/backends/portable/client13.js'
import { Engine } from '#polytls/backends/portable/engine.js'
import { extensionTable } from '#polytls/backends/portable/messages/extension-table.js'
import { handshakeHeaderLength } from '#polytls/backends/portable/messages/frame.js'
import { recordHeaderLength } from '#polytls/backends/portable/record/protection.js'
import { ServerSessions } from '#polytls/backends/portable/server-sessions.js'
import type { ClientSetup } from '#polytls/backends/portable/setup.js'
import { parseServerName } from '#polytls/channel/server-name.js'
import { makeSelfSigned } from '#polytls/cli/certificates.js'
import { ByteReader } from '#polytls/codec/byte-reader.js'
import { type ClientEngine, converse, credentialOf, nodeCrypto } from './engines12.js'
import { client13, server13 } from './engines13.js'
import { clientSessions } from './sessions13.js'
import { Tap } from './tap.js'

const made = await makeSelfSigned({ name: 'server.test', names: ['server.test'], keyKind: 'ecdsa-p256' })

describe('a server that resumes', () => {
  it('does not acknowledge the name (RFC 6066, Section 3)', () => {
    const configuration = Object.create(TLSServerConfiguration.prototype)
    const binding = new Uint8Array(32)
    const sessions = new ServerSessions({ configuration, crypto: nodeCrypto, now: Date.now, binding })
    const { setup } = client13({ sessions: clientSessions() })
    const acknowledges = (client: ClientEngine): boolean => {
      const server = server13({ credentials: [credentialOf(made)], sessions })
      const tap = new Tap(server)
      client.handshake()
      server.feed(client.takeOutgoing(Number.POSITIVE_INFINITY))
      server.handshake()
      const message = tap.items.find((item) => item.kind === 'message' && item.name === 'encrypted_extensions')
      assert.ok(message?.kind === 'message')
      return extensionTypes(message.bytes.subarray(handshakeHeaderLength)).includes(extensionTable.server_name.code)
    }
    assert.equal(acknowledges(named(setup)), true)

    const first = named(setup)
    const server = server13({ credentials: [credentialOf(made)], sessions })
    converse(first, server)
    first.feed(server.takeOutgoing(Number.POSITIVE_INFINITY))
    first.receive()
    assert.equal(acknowledges(named(setup)), false)
  })

  it('takes a ticket of TLS 1.2 also where no session id comes with it (RFC 5077, Section 3.4)', () => {
    const backend = createPortableBackend({ name: 'portable', crypto: 'node' })
    const versions = { lowestSupportedVersion: 'TLSv1.2', highestSupportedVersion: 'TLSv1.2' } as const
    const leaf = Certificate.fromBuffer(Buffer.from(made.certificate))
    const key = PrivateKey.fromBuffer(Buffer.from(made.key))
    const servers = backend.serverContext(
      new TLSServerConfiguration({ ...versions, certificateChain: [{ leaf, key }] }),
    )
    const trustStore = TrustStore.fromCertificates([leaf])
    const clients = backend.clientContext(new TLSClientConfiguration({ ...versions, trustStore }))
    const first = { client: clients.createBuffer('server.test'), server: servers.createBuffer() }
    for (let count = 0; count < 4; count++) {
      step(first.client, first.server)
      step(first.server, first.client)
    }
    assert.equal(first.client.handshake(), 'done')

    const client = clients.createBuffer('server.test')
    client.handshake()
    const server = servers.createBuffer()
    server.processIncoming(withoutSessionId(client.processOutgoing()))
    assert.equal(server.handshake(), 'want-read')
    // ServerHello, change_cipher_spec, Finished.
    assert.deepEqual(recordTypes(server.processOutgoing()), [22, 20, 22])
  })
})

function named(setup: ClientSetup): ClientEngine {
  return new Engine(setup, { isClient: true, serverName: parseServerName('server.test'), start: startClient })
}

function step(from: TLSBuffer, to: TLSBuffer): void {
  from.handshake()
  to.processIncoming(from.processOutgoing())
}

function extensionTypes(body: Uint8Array): readonly number[] {
  const types: number[] = []
  for (const list = new ByteReader(body, 'extensions').reader16('list'); list.remaining > 0; list.vector16('body'))
    types.push(list.u16('type'))
  return types
}

/** A ClientHello in one record, with an empty session id in the place of its own. RFC 5246, Section 7.4.1.2. */
function withoutSessionId(record: Uint8Array): Uint8Array {
  const at = recordHeaderLength + handshakeHeaderLength + 2 + 32
  const length = record[at] as number
  assert.equal(length, 32)
  const shorter = new Uint8Array([...record.subarray(0, at), 0, ...record.subarray(at + 1 + length)])
  const view = new DataView(shorter.buffer)
  view.setUint16(3, view.getUint16(3) - length)
  view.setUint16(7, view.getUint16(7) - length)
  return shorter
}

function recordTypes(bytes: Uint8Array): readonly number[] {
  const types: number[] = []
  for (const r = new ByteReader(bytes, 'records'); r.remaining > 0; ) {
    types.push(r.u8('type'))
    r.u16('version')
    r.vector16('fragment')
  }
  return types
}
