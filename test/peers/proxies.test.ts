import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { after, before, it } from 'node:test'
import {
  AlertReceivedError,
  type CodePoint,
  cipherSuiteName,
  isTLS13Suite,
  NamedGroup,
  namedGroupName,
  TLSVersion,
} from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { connectTo, failureOf, finish, OwnServer, readToEnd, receives, versions } from './support/endpoints.ts'
import { askHTTP, serveHTTP } from './support/http.ts'
import { type Identities, makeIdentities, serverKeyKinds } from './support/identities.ts'
import { patiently } from './support/patience.ts'
import { run } from './support/program.ts'
import { startHaproxy, startHaproxyClient, startNginx } from './support/proxies.ts'

let identities: Identities
let opensslNames: ReadonlyMap<string, string>
let plainEcho: Server
before(async () => {
  identities = await makeIdentities()
  opensslNames = await suitesByOpenSSLName()
  plainEcho = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(plainEcho, 'listening')
})
after(() => {
  plainEcho.close()
  identities.remove()
})

const versionRefusals = [
  {
    server: 'requires TLS 1.3',
    version: 'TLSv1.3',
    client: 'is held to TLS 1.2',
    options: { highestSupportedVersion: TLSVersion.TLSv1_2 },
  },
  {
    server: 'has only TLS 1.2',
    version: 'TLSv1.2',
    client: 'demands TLS 1.3',
    options: { lowestSupportedVersion: TLSVersion.TLSv1_3 },
  },
] as const

forEachBackend('our client and nginx', (backend) => {
  for (const version of versions) {
    for (const kind of serverKeyKinds) {
      it(`agree on ${version} with a certificate for ${kind}, and on the facts`, async () => {
        await using server = await startNginx(identities, { version, kind })
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        const { status, body } = await askHTTP(socket, '/facts')
        const [protocol, cipher, curve, serverName, resumed] = body.toString('latin1').split(' ')
        assert.equal(status, 200)
        assert.equal(socket.facts.version, version)
        assert.equal(protocol, version)
        assert.equal(opensslNames.get(cipher ?? ''), suiteName(socket.facts.cipherSuite))
        assert.equal(groupOfNginx(curve), socket.facts.group)
        assert.equal(serverName, 'server.test')
        assert.equal(resumed, '.')
        await finish(socket)
      })
    }

    it(`agree on ${version} with client certificates`, async () => {
      await using server = await startNginx(identities, { version, demandsClients: true })
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        certificateChain: identities.client.signingChain,
      })
      assert.match((await askHTTP(socket, '/facts')).body.toString('latin1'), / SUCCESS$/)
      await finish(socket)
    })

    it(`part over ${version} politely: nginx lets a client without certificate in, to tell it by HTTP`, async () => {
      await using server = await startNginx(identities, { version, demandsClients: true })
      const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      const { status, body } = await askHTTP(socket, '/facts')
      assert.equal(status, 400)
      assert.match(body.toString('latin1'), /No required SSL certificate was sent/)
      await finish(socket)
    })
  }

  for (const refusal of versionRefusals) {
    it(`part with a reason when nginx ${refusal.server} and the client ${refusal.client}`, async () => {
      await using server = await startNginx(identities, { version: refusal.version })
      await refuses(connectTo(backend, server.port, { trustStore: identities.trustStore, ...refusal.options }))
    })
  }
})

forEachBackend('our client and haproxy', (backend) => {
  const upstream = (): { readonly upstreamPort: number } => ({
    upstreamPort: (plainEcho.address() as AddressInfo).port,
  })

  for (const version of versions) {
    for (const kind of serverKeyKinds) {
      it(`agree on ${version} with a certificate for ${kind}, and on the facts`, async () => {
        await using server = await startHaproxy(identities, { version, kind, ...upstream() })
        const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
        socket.write('through haproxy\n')
        await receives(socket, 'through haproxy\n')
        assert.equal(socket.facts.version, version)
        await finish(socket)
        const [, protocol, cipher] = await server.reports(/^saw (\S+) (\S+) server\.test - 0$/m)
        assert.equal(protocol, version)
        assert.equal(opensslNames.get(cipher ?? ''), suiteName(socket.facts.cipherSuite))
      })
    }

    it(`agree on ${version} with client certificates`, async () => {
      await using server = await startHaproxy(identities, { version, demandsClients: true, ...upstream() })
      const socket = await connectTo(backend, server.port, {
        trustStore: identities.trustStore,
        certificateChain: identities.client.signingChain,
      })
      socket.write('through haproxy\n')
      await receives(socket, 'through haproxy\n')
      await finish(socket)
      await server.reports(/^saw \S+ \S+ server\.test A Client 0$/m)
    })

    it(`part over ${version} when haproxy demands a certificate and the client has none`, async () => {
      await using server = await startHaproxy(identities, { version, demandsClients: true, ...upstream() })
      const error = await failureOf(connectTo(backend, server.port, { trustStore: identities.trustStore }))
      assert.ok(error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, version === 'TLSv1.3' ? 'certificate_required' : 'handshake_failure')
    })
  }

  for (const refusal of versionRefusals) {
    it(`part with a reason when haproxy ${refusal.server} and the client ${refusal.client}`, async () => {
      await using server = await startHaproxy(identities, { version: refusal.version, ...upstream() })
      await refuses(connectTo(backend, server.port, { trustStore: identities.trustStore, ...refusal.options }))
    })
  }
})

forEachBackend('proxies and our server behind them', (backend) => {
  for (const version of versions) {
    it(`agree on ${version} with nginx, with client certificates`, async () => {
      await using server = await OwnServer.start(backend, {
        certificateChain: [identities.server().signingChain],
        clientAuthentication: 'required',
        trustStore: identities.trustStore,
      })
      serveHTTP(server, (question, answer) => answer.end(`ours: ${question.method} ${question.url}`))
      await using nginx = await startNginx(identities, { version, upstreamPort: server.port })
      const asking = await connectTo(backend, nginx.port, { trustStore: identities.trustStore })
      assert.equal((await askHTTP(asking, '/upstream/page')).body.toString(), 'ours: GET /upstream/page')
      const { facts } = await server.accepted()
      assert.equal(facts.version, version)
      assert.equal(facts.verified, true)
      assert.equal(facts.serverName, 'server.test')
      await finish(asking)
    })

    it(`agree on ${version} with haproxy, with client certificates`, async () => {
      await using server = await OwnServer.start(backend, {
        certificateChain: [identities.server().signingChain],
        clientAuthentication: 'required',
        trustStore: identities.trustStore,
      })
      await using haproxy = await startHaproxyClient(identities, { version, upstreamPort: server.port })
      const plain = connect(haproxy.port, '127.0.0.1')
      plain.write('plain to haproxy\n')
      const socket = await server.accepted()
      await receives(socket, 'plain to haproxy\n')
      socket.end('and back\n')
      const chunks: Buffer[] = []
      plain.on('data', (chunk) => chunks.push(chunk))
      await patiently('the end of the plain connection', once(plain, 'end'))
      assert.equal(Buffer.concat(chunks).toString(), 'and back\n')
      plain.end()
      const [, protocol, cipher] = await haproxy.reports(/^saw (\S+) (\S+) 0$/m)
      assert.equal(protocol, version)
      assert.equal(opensslNames.get(cipher ?? ''), suiteName(socket.facts.cipherSuite))
      assert.equal((await readToEnd(socket)).error, undefined)
    })
  }
})

async function refuses(connecting: ReturnType<typeof connectTo>): Promise<void> {
  const error = await failureOf(connecting)
  assert.ok(error instanceof AlertReceivedError, String(error))
  assert.equal(error.alert, 'protocol_version')
  assert.match(error.hint ?? '', /does not speak the TLS versions that we offer/)
}

/** Both proxies use OpenSSL, which has its own names for the suites of TLS 1.2; it knows the others too. */
async function suitesByOpenSSLName(): Promise<ReadonlyMap<string, string>> {
  const { report } = await run('openssl', ['ciphers', '-stdname', 'ALL:@SECLEVEL=0'])
  return new Map([...report.matchAll(/^(TLS_\w+) +- (\S+)/gm)].map(([, standard = '', own = '']) => [own, standard]))
}

function suiteName(suite: CodePoint | undefined): string {
  assert.ok(suite !== undefined)
  const name = cipherSuiteName(suite)
  assert.equal(isTLS13Suite(suite), !name.includes('_WITH_'))
  return name
}

/** nginx writes groups as OpenSSL does, or by number where OpenSSL has no name. */
function groupOfNginx(name = ''): CodePoint | undefined {
  if (name.startsWith('0x')) return Number(name)
  const registered = { prime256v1: 'secp256r1', X25519: 'x25519', X448: 'x448' }[name] ?? name
  return Object.values(NamedGroup).find((each) => namedGroupName(each) === registered)
}
