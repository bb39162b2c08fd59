import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  CertificateCompression,
  type ClientOptions,
  ConfigurationError,
  NamedGroup,
  type ServerOptions,
  TLSClientConfiguration,
  TLSServerConfiguration,
} from 'polytls'
import { forEachBackend, forEachPair, has, only } from '../support/backends.ts'
import {
  byteByByte,
  type Connection,
  connectionBetween,
  contextsFor,
  type Fragmentation,
} from '../support/connection.ts'
import { authority, clientIdentity, derOf, matching, signingChain, trusting } from '../support/identities.ts'
import { establish, resumingConnection } from '../support/resumption.ts'

const { zlib, brotli, zstd } = CertificateCompression

const issuer = await authority()
/** Names enough that there is something to save. */
const names = Array.from({ length: 60 }, (_, index) => `host-${index}.long-winded-department.server.test`)
const wordy = await issuer.issue({ name: 'server.test', names: ['server.test', ...names] })
const wordyClient = await issuer.issue({ name: 'A Client', names })
const trustStore = trusting(issuer)

forEachBackend('certificate compression', (backend) => {
  for (const [role, make] of [
    [
      'client',
      (list: readonly number[]) =>
        backend.clientContext(new TLSClientConfiguration({ trustStore, certificateCompression: list })),
    ],
    [
      'server',
      (list: readonly number[]) =>
        backend.serverContext(
          new TLSServerConfiguration({ certificateChain: [signingChain(wordy)], certificateCompression: list }),
        ),
    ],
  ] as const) {
    if (!backend.capabilities.roles.includes(role)) continue
    const refuses = (list: readonly number[], field: string): void => {
      assert.throws(
        () => make(list),
        (error) => error instanceof ConfigurationError && error.field === field,
      )
    }
    it(`a ${role} refuses by name what it cannot undo`, () => {
      if (!has(backend, 'certificate-compression')) refuses([zlib], 'certificateCompression')
      else {
        refuses([zlib, 0x4001], 'certificateCompression[1]')
        refuses([zstd], 'certificateCompression[0]')
      }
    })
  }
})

forEachPair('certificate compression', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  const canClient = has(clientBackend, 'certificate-compression')
  const canServer = has(serverBackend, 'certificate-compression')
  if (!canClient && !canServer) return

  const between = (
    client: ClientOptions,
    server: Partial<ServerOptions> = {},
    fragmentation?: Fragmentation,
  ): Promise<Connection> =>
    connectionBetween(pairing, {
      client: { trustStore, ...client },
      server: { certificateChain: [signingChain(wordy)], ...server },
      ...(fragmentation && { fragmentation }),
    }).establish()

  it('who has it speaks with who does not want it', async () => {
    using connection = await between(
      canClient ? { certificateCompression: [brotli, zlib] } : {},
      canClient ? {} : { certificateCompression: [brotli, zlib] },
    )
    assert.equal(connection.client.facts.certificateCompression, undefined)
    assert.equal(connection.client.facts.verified, true)
  })

  if (!canClient || !canServer) return

  for (const [name, algorithm] of [
    ['zlib', zlib],
    ['brotli', brotli],
  ] as const) {
    it(`a server's certificate comes compressed with ${name}, and is verified as any other`, async () => {
      using connection = await between({ certificateCompression: [algorithm] }, { certificateCompression: [algorithm] })
      const { facts } = connection.client
      assert.equal(facts.certificateCompression, algorithm)
      assert.equal(facts.verified, true)
      assert.deepEqual(facts.peerChain.map(hex), [hex(derOf(wordy.certificate))])
      // The client has shown none.
      assert.equal(connection.server.facts.certificateCompression, undefined)
      assert.equal(connection.transfer('client', Buffer.from('data')).toString(), 'data')
      assert.equal(connection.transfer('server', Buffer.from('data')).toString(), 'data')
    })

    it(`so does a client's, with ${name}`, async () => {
      using connection = await between(
        { certificateCompression: [algorithm], certificateChain: signingChain(wordyClient) },
        { certificateCompression: [algorithm], clientAuthentication: 'required', trustStore },
      )
      const { facts } = connection.server
      assert.equal(facts.certificateCompression, algorithm)
      assert.equal(facts.verified, true)
      assert.deepEqual(facts.peerChain.map(hex), [hex(derOf(wordyClient.certificate))])
      assert.equal(connection.client.facts.certificateCompression, algorithm)
      assert.equal(connection.transfer('client', Buffer.from('data')).toString(), 'data')
    })
  }

  it('it makes the flight shorter', async () => {
    const flight = async (certificateCompression: readonly number[] | undefined): Promise<number> => {
      const both = certificateCompression && { certificateCompression }
      const { client, server } = contextsFor(pairing, {
        client: { trustStore, ...both },
        server: { certificateChain: [signingChain(wordy)], ...both },
      })
      using asking = client.createBuffer('server.test')
      using answering = server.createBuffer()
      asking.handshake()
      answering.processIncoming(asking.processOutgoing())
      answering.handshake()
      return answering.outgoingBytesBuffered
    }
    const plain = await flight(undefined)
    assert.ok((await flight([zlib])) < plain - 2000)
    assert.ok((await flight([brotli])) < plain - 2000)
  })

  it('the sender chooses, by its own preference, among what the other can undo', async () => {
    for (const [client, server, expected] of [
      [[zlib, brotli], [brotli, zlib], brotli],
      [[zlib, brotli], [zlib, brotli], zlib],
      [[zlib], [brotli, zlib], zlib],
      [[zlib], [brotli], undefined],
    ] as const) {
      using connection = await between(
        { certificateCompression: client, certificateChain: signingChain(wordyClient) },
        { certificateCompression: server, clientAuthentication: 'required', trustStore },
      )
      assert.equal(connection.client.facts.certificateCompression, expected)
      assert.equal(
        connection.server.facts.certificateCompression,
        client.find((each) => (server as readonly number[]).includes(each)),
      )
    }
  })

  it('a client that has no certificate, and needs none, has nothing to compress', async () => {
    using connection = await between(
      { certificateCompression: [zlib] },
      { certificateCompression: [zlib], clientAuthentication: 'requested', trustStore },
    )
    assert.equal(connection.server.facts.certificateCompression, undefined)
    assert.equal(connection.server.facts.verified, false)
  })

  it('TLS 1.2 does not have it', async () => {
    using connection = await between(
      { certificateCompression: [zlib], ...only('TLSv1.2') },
      { certificateCompression: [zlib] },
    )
    assert.equal(connection.client.facts.version, 'TLSv1.2')
    assert.equal(connection.client.facts.certificateCompression, undefined)
  })

  it('it holds over a second hello, and byte by byte', async () => {
    using connection = await between(
      { certificateCompression: [brotli], groups: [NamedGroup.x25519, NamedGroup.secp256r1] },
      { certificateCompression: [brotli], groups: [NamedGroup.secp256r1] },
      byteByByte,
    )
    assert.equal(connection.client.facts.group, NamedGroup.secp256r1)
    assert.equal(connection.client.facts.certificateCompression, brotli)
  })

  it('who resumes is shown nothing, compressed or not', async () => {
    const { client, server } = await matching()
    const contexts = contextsFor(pairing, {
      client: { ...client, certificateCompression: [brotli] },
      server: { ...server, certificateCompression: [brotli] },
    })
    using first = await establish(resumingConnection(contexts))
    assert.equal(first.client.facts.certificateCompression, brotli)
    assert.equal(first.transfer('server', Buffer.from('a ticket before it')).toString(), 'a ticket before it')
    using second = await establish(resumingConnection(contexts))
    assert.equal(second.client.facts.resumed, true)
    assert.equal(second.client.facts.certificateCompression, undefined)
  })

  it('a client whose certificate the server does not believe is refused all the same', async () => {
    const stranger = await clientIdentity()
    using connection = connectionBetween(pairing, {
      client: { trustStore, certificateCompression: [zlib], certificateChain: signingChain(stranger) },
      server: {
        certificateChain: [signingChain(wordy)],
        certificateCompression: [zlib],
        clientAuthentication: 'required',
        trustStore: trusting(wordy),
      },
    })
    const { server } = await connection.negotiate()
    assert.ok(server instanceof Error)
    assert.equal((server as { code?: string }).code, 'ERR_TLS_CERTIFICATE')
  })
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
