import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  AlertReceivedError,
  BackendError,
  CertificateError,
  type ChooseContext,
  type ClientHello,
  type ClientOptions,
  type ContextChoice,
  type Feature,
  NegotiationError,
  ProtocolError,
  RaggedEOFError,
  type ServerContext,
  type ServerOptions,
  TLSServerConfiguration,
  UsageError,
} from 'polytls'
import { forEachPair, forEachVersion, has, only, testedBackends } from '../support/backends.ts'
import { byteByByte, Connection, type Contexts, contextsFor } from '../support/connection.ts'
import { authority, hostName, matching, signingChain, trusting } from '../support/identities.ts'
import { establish, negotiate, resumingConnection } from '../support/resumption.ts'

const issuer = await authority()
const other = await issuer.issue({ name: 'other.test', names: ['other.test'] })

forEachPair('choosing a context by the ClientHello', (pairing) => {
  const { clientBackend, serverBackend } = pairing
  if (!has(serverBackend, 'choose-context')) return
  const both = [clientBackend, serverBackend]
  const lacks = (feature: Feature): string | false => {
    const who = both.find((backend) => !has(backend, feature))
    return who !== undefined && `${who.name} does not have the feature ${feature}`
  }
  const without = both.find(({ capabilities }) => !capabilities.versions.includes('TLSv1.3'))
  const noTLS13 = without !== undefined && `${without.name} does not speak TLS 1.3`

  const contexts = async (
    chooseContext: ChooseContext,
    { client = {}, server = {} }: { readonly client?: ClientOptions; readonly server?: Partial<ServerOptions> } = {},
  ): Promise<Contexts> => {
    const fitting = await matching()
    return contextsFor(pairing, {
      client: { ...fitting.client, ...client },
      server: { ...fitting.server, ...server, chooseContext },
    })
  }
  const serving = (options: Partial<ServerOptions> = {}): ServerContext =>
    serverBackend.serverContext(new TLSServerConfiguration({ certificateChain: [signingChain(other)], ...options }))

  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: what the client asks for decides, and the channel is one of the chosen context from then on`, async () => {
      const hellos: ClientHello[] = []
      const chosen = serving({ innerProtocols: ['inner'] })
      const pair = await contexts(
        (hello) => {
          hellos.push(hello)
          return hello.serverName === 'other.test' ? chosen : undefined
        },
        { client: { ...bounds, innerProtocols: ['inner'] } },
      )
      using connection = await establish(resumingConnection(pair, { serverName: 'other.test' }))
      assert.equal(connection.server.context, chosen)
      for (const side of ['client', 'server'] as const) {
        assert.equal(connection[side].facts.serverName, 'other.test', side)
        assert.equal(connection[side].facts.innerProtocol, 'inner', side)
        assert.equal(connection[side].facts.version, version, side)
      }
      assert.equal(String(connection.transfer('client', Buffer.from('hello'))), 'hello')
      assert.equal(String(connection.transfer('server', Buffer.alloc(100_000, 'x'))).length, 100_000)

      using beside = await establish(resumingConnection(pair))
      assert.equal(beside.server.context, pair.server)
      assert.equal(beside.client.facts.serverName, hostName)

      const [first, second] = hellos
      assert.equal(hellos.length, 2)
      assert.deepEqual(first?.innerProtocols, ['inner'])
      assert.ok(first?.versions.includes(version === 'TLSv1.3' ? 0x0304 : 0x0303))
      assert.ok((first?.ciphers.length ?? 0) > 0 && (first?.groups.length ?? 0) > 0)
      assert.ok((first?.signatureSchemes.length ?? 0) > 0 && (first?.extensions.length ?? 0) > 3)
      assert.equal(first?.raw[0], 1)
      assert.equal(second?.serverName, hostName)
    })

    it(`${version}: a client that is refused hears the alert, and the server why`, async () => {
      for (const alert of [undefined, 'unrecognized_name', 'access_denied'] as const) {
        const refusal = alert === undefined ? { refuse: 'nobody here' } : { refuse: 'nobody here', alert }
        using connection = resumingConnection(await contexts(() => refusal, { client: bounds }))
        const { client, server } = await negotiate(connection)
        assert.ok(server instanceof NegotiationError && server.subject === 'client-hello', String(server))
        assert.ok(server.message.endsWith('nobody here'))
        assert.equal(server.alert, alert ?? 'handshake_failure')
        assert.ok(client instanceof AlertReceivedError, String(client))
        assert.equal(client.alert, alert ?? 'handshake_failure')
        assert.throws(() => connection.server.handshake(), server)
      }
    })

    it(`${version}: the answer may come later, and the hello in single bytes`, async () => {
      let asked = 0
      const chosen = serving()
      const pair = await contexts(
        async () => {
          asked++
          return chosen
        },
        { client: bounds },
      )
      const client = pair.client.createBuffer('other.test')
      using connection = new Connection(client, pair.server.createBuffer(), byteByByte)
      await establish(connection)
      assert.equal(asked, 1)
      assert.equal(connection.server.context, chosen)
    })

    it(`${version}: whom the chosen context lets in is its own affair`, async () => {
      const strict = serving({ clientAuthentication: 'required', trustStore: trusting(issuer) })
      using connection = resumingConnection(await contexts(() => strict, { client: bounds }), {
        serverName: 'other.test',
      })
      const { server } = await negotiate(connection)
      assert.ok(server instanceof CertificateError && server.reason === 'missing', String(server))
    })

    it(`${version}: sessions of the chosen context resume`, { skip: lacks('sessions') }, async () => {
      const chosen = serving()
      const pair = await contexts(() => chosen, { client: bounds })
      for (const resumed of [false, true]) {
        using connection = await establish(resumingConnection(pair, { serverName: 'other.test' }))
        assert.equal(connection.server.facts.resumed, resumed)
      }
    })
  })

  it('it is asked once, also where the first hello has to be repeated', { skip: noTLS13 }, async () => {
    let asked = 0
    const pair = await contexts(
      () => {
        asked++
        return serving({ groups: [0x0018] })
      },
      { client: { ...only('TLSv1.3'), groups: [0x001d, 0x0018] } },
    )
    using connection = await establish(resumingConnection(pair, { serverName: 'other.test' }))
    assert.equal(connection.server.facts.group, 0x0018)
    assert.equal(asked, 1)
  })

  it('early data goes to the chosen context', { skip: lacks('early-data') }, async () => {
    const chosen = serving({ maxEarlyDataBytes: 100 })
    const pair = await contexts(async () => chosen, { client: only('TLSv1.3') })
    using first = await establish(resumingConnection(pair, { serverName: 'other.test' }))
    assert.equal(first.server.readEarlyData(10), 'closed')
    using second = resumingConnection(pair, { serverName: 'other.test', earlyData: Buffer.from('early') })
    assert.equal(second.server.readEarlyData(10), 'want-read')
    await establish(second)
    assert.equal(Buffer.from(second.server.readEarlyData(10) as Uint8Array).toString(), 'early')
  })

  it('a context that is chosen does not choose itself', async () => {
    const never: ChooseContext = () => {
      throw new Error('asked again')
    }
    const chosen = serving({ chooseContext: never })
    using connection = await establish(resumingConnection(await contexts(() => chosen), { serverName: 'other.test' }))
    assert.equal(connection.server.context, chosen)
  })

  it('it may be of another backend', async () => {
    for (const backend of testedBackends.filter((each) => has(each, 'choose-context'))) {
      const configuration = new TLSServerConfiguration({ certificateChain: [signingChain(other)] })
      const chosen = backend.serverContext(configuration)
      const pair = await contexts(() => chosen)
      using connection = await establish(resumingConnection(pair, { serverName: 'other.test' }))
      assert.equal(connection.server.context.backend, backend)
    }
  })

  it('a search that fails, and an answer that is none, fail the connection', async () => {
    const failure = new Error('no directory')
    const isFailure = (cause: unknown): boolean => cause === failure
    const isTypeError = (cause: unknown): boolean => cause instanceof TypeError
    const client = (await contexts(() => undefined)).client
    for (const [answer, isCause] of [
      [() => Promise.reject(failure), isFailure],
      [
        () => {
          throw failure
        },
        isFailure,
      ],
      [() => 'server.test' as never, isTypeError],
      [() => null as never, isTypeError],
      [() => client as unknown as ContextChoice, isTypeError],
      [() => ({ configuration: {}, backend: {} }), isTypeError],
      [() => ({ refuse: 'no', alert: 'close_notify' as never }), isTypeError],
      [() => ({ refuse: undefined as never }), isTypeError],
      [
        () => {
          const broken: ContextChoice = Object.create(serving({}))
          return Object.defineProperty(broken, 'createBuffer', { value: () => assert.fail(failure) })
        },
        isFailure,
      ],
    ] as const) {
      using connection = resumingConnection(await contexts(answer))
      const endings = await negotiate(connection)
      assert.ok(endings.server instanceof BackendError && isCause(endings.server.cause), String(endings.server))
      assert.ok(endings.client instanceof AlertReceivedError && endings.client.alert === 'internal_error')
    }
  })

  it('what is no ClientHello is refused as without it, and nobody is asked', async () => {
    const pair = await contexts(() => {
      throw new Error('asked')
    })
    const endless = Buffer.concat(
      Array.from({ length: 8 }, (_, index) =>
        Buffer.concat([Buffer.of(22, 3, 1, 0x40, 0), Buffer.alloc(16_384, index === 0 ? Buffer.of(1, 2, 0, 0) : 0)]),
      ),
    )
    for (const bytes of [
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.of(22, 3, 1, 0, 4, 1, 0, 0, 0),
      Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0),
      Buffer.of(22, 3, 1, 0, 0),
      Buffer.of(22, 3, 1, 0xff, 0xff),
      Buffer.of(21, 3, 3, 0, 2, 9, 9),
      Buffer.concat([Buffer.of(22, 3, 1, 0, 4), Buffer.of(1, 0xff, 0xff, 0xff)]),
      endless,
    ]) {
      using server = pair.server.createBuffer()
      for (let offset = 0; offset < bytes.length; )
        offset += server.processIncoming(bytes.subarray(offset)) || bytes.length
      assert.throws(
        () => {
          for (let count = 0; count < 3; count++) server.handshake()
          server.endIncoming()
          server.handshake()
        },
        (error) =>
          error instanceof ProtocolError || error instanceof AlertReceivedError || error instanceof RaggedEOFError,
        bytes.subarray(0, 20).toString('hex'),
      )
    }
  })

  it('a client that goes away is noticed, before the question and while it is open', async () => {
    const pair = await contexts(() => undefined)
    using silent = pair.server.createBuffer()
    assert.equal(silent.handshake(), 'want-read')
    silent.endIncoming()
    assert.throws(() => silent.handshake(), RaggedEOFError)
    using client = pair.client.createBuffer(hostName)
    client.handshake()
    using paused = pair.server.createBuffer()
    paused.processIncoming(client.processOutgoing())
    assert.equal(paused.handshake(), 'paused')
    paused.endIncoming()
    paused.resume(undefined)
    assert.throws(() => {
      for (let step = paused.handshake(); step !== 'closed'; ) step = paused.handshake()
    }, RaggedEOFError)
  })

  it('before there is an answer nothing else can be done, and after disposing nothing at all', async () => {
    const pair = await contexts(() => undefined)
    const server = pair.server.createBuffer()
    assert.throws(() => server.read(1), UsageError)
    assert.throws(() => server.write(Buffer.from('x')), UsageError)
    assert.throws(() => server.shutdown(), UsageError)
    assert.throws(() => server.resume(undefined), UsageError)
    assert.throws(() => server.processIncoming('x' as never), TypeError)
    assert.throws(() => server.processOutgoing(0), TypeError)
    assert.equal(server.processOutgoing().byteLength, 0)
    assert.deepEqual(server.takeSessions(), [])
    server[Symbol.dispose]()
    assert.throws(() => server.handshake(), UsageError)
    assert.throws(() => server.processIncoming(Buffer.of(1)), UsageError)
  })
})
