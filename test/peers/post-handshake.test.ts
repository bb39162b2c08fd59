import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { type ClientOptions, UsageError } from 'polytls'
import { forEachBackend, has } from '../support/backends.ts'
import { connectTo, exchange, finish, OwnServer, receives } from './support/endpoints.ts'
import { startGnuTLSClient, startGnuTLSServer } from './support/gnutls.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { clientIdentity, startSClient, startSServer } from './support/openssl.ts'
import { freePort } from './support/ports.ts'
import { Program } from './support/program.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const feature = 'post-handshake-authentication'
const clientOptions = (): ClientOptions => ({
  trustStore: identities.trustStore,
  certificateChain: identities.client.signingChain,
  postHandshakeAuthentication: true,
})

forEachBackend('post-handshake authentication of our client', (backend) => {
  if (!has(backend, feature)) return

  it('openssl s_server asks, twice, and verifies', async () => {
    await using server = await startSServer(identities, ['-tls1_3', '-CAfile', identities.authorityFile, '-msg'])
    const socket = await connectTo(backend, server.port, clientOptions())
    await exchange(socket, server)
    for (let round = 1; round <= 2; round++) {
      server.stdin.write('c\n')
      await server.reports(new RegExp(`(?:[^]*^<<< .*CertificateVerify$){${round}}`, 'm'))
      // Whatever has been answered came before this.
      socket.write(`round ${round}\n`)
      await server.reports(new RegExp(`^round ${round}$`, 'm'))
      assert.equal(countOf(server.report, /^<<< .*Certificate$/gm), round)
      assert.equal(countOf(server.report, /^<<< .*CertificateVerify$/gm), round)
    }
    await exchange(socket, server)
    await finish(socket)
  })

  it('gnutls-serv asks, and verifies', async () => {
    await using server = await startGnuTLSServer(identities, ['--disable-client-cert'])
    const socket = await connectTo(backend, server.port, clientOptions())
    socket.write('**REAUTH**\n')
    // GnuTLS takes no data while it waits for the answer, so it has to say first that it is done.
    await receives(socket, 'Successfully executed command')
    socket.write('still here\n')
    await receives(socket, 'still here')
    await finish(socket)
  })

  for (const [what, options] of [
    ['a certificate', {}],
    ['none', { certificateChain: undefined, chooseCertificate: () => undefined }],
  ] as const) {
    it(`Python's ssl asks, and gets ${what}`, async () => {
      await using server = await startPython('server', await freePort())
      const { certificateChain, ...others } = clientOptions()
      const socket = await connectTo(backend, server.port, {
        ...others,
        ...('chooseCertificate' in options ? options : { certificateChain }),
      } as ClientOptions)
      socket.write('who am I?\n')
      await receives(socket, 'one moment, ')
      socket.write('here\n')
      await receives(socket, what === 'none' ? 'nobody\n' : 'A Client\n')
      await finish(socket)
    })
  }
})

forEachBackend('post-handshake authentication by our server', (backend) => {
  if (!has(backend, feature)) return
  const start = (more = {}) =>
    OwnServer.start(backend, {
      certificateChain: [identities.server().signingChain],
      trustStore: identities.trustStore,
      ...more,
    })
  const shown = () => identities.client.identity.chain.length + 1

  it('openssl s_client answers', async () => {
    await using server = await start()
    await using client = startSClient(identities, server.port, ['-quiet', '-enable_pha', ...clientIdentity(identities)])
    const socket = await server.accepted()
    assert.deepEqual(socket.facts.peerChain, [])
    await exchange(socket, client)
    for (let round = 0; round < 2; round++) {
      const { chain } = await answer(socket)
      assert.equal(chain.length, shown())
      assert.deepEqual(socket.facts.peerChain, chain)
      await exchange(socket, client)
    }
  })

  it('openssl s_client without a certificate declines, and one that has not offered it is not asked', async () => {
    await using server = await start()
    await using declining = startSClient(identities, server.port, ['-quiet', '-enable_pha'])
    const socket = await server.accepted()
    assert.deepEqual((await answer(socket)).chain, [])
    await exchange(socket, declining)
    await using unwilling = startSClient(identities, server.port, ['-quiet', ...clientIdentity(identities)])
    const other = await server.accepted()
    await assert.rejects(other.requestClientCertificate(), UsageError)
    await exchange(other, unwilling)
  })

  it('openssl s_client goes on with a session that knows who it was', async () => {
    await using server = await start()
    const file = `${identities.folder}/late-${backend.name}`
    const identity = ['-quiet', '-enable_pha', ...clientIdentity(identities)]
    {
      await using client = startSClient(identities, server.port, [...identity, '-sess_out', file])
      const socket = await server.accepted()
      await answer(socket)
      await exchange(socket, client)
      await finish(socket)
      await client.ended()
    }
    await using client = startSClient(identities, server.port, [...identity, '-sess_in', file])
    const socket = await server.accepted()
    assert.equal(socket.facts.resumed, true)
    assert.equal(socket.facts.peerChain.length, shown())
    assert.equal(socket.facts.verified, true)
    assert.equal((await answer(socket)).chain.length, shown())
    await exchange(socket, client)
  })

  it('gnutls-cli answers', async () => {
    await using server = await start()
    const { chainFile, keyFile } = identities.client
    const files = ['--x509certfile', chainFile, '--x509keyfile', keyFile]
    await using client = startGnuTLSClient(identities, server.port, ['--post-handshake-auth', ...files])
    const socket = await server.accepted()
    await exchange(socket, client)
    assert.equal((await answer(socket)).chain.length, shown())
    await exchange(socket, client)
  })

  it("Python's ssl answers", async () => {
    await using server = await start()
    await using client = await startPython('client', server.port)
    const socket = await server.accepted()
    assert.equal((await answer(socket)).chain.length, shown())
    socket.write('thank you\n')
    await receives(socket, 'thank you\n')
    assert.equal(client.isGone, false)
  })
})

/** What the client of a socket shows; the socket is read meanwhile. */
async function answer(socket: Awaited<ReturnType<OwnServer['accepted']>>) {
  socket.read(0)
  return await socket.requestClientCertificate()
}

function countOf(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

async function startPython(role: 'client' | 'server', port: number): Promise<Program & { readonly port: number }> {
  const { chainFile, keyFile } = role === 'server' ? identities.server() : identities.client
  const words = [role, String(port), chainFile, keyFile, identities.authorityFile]
  const program = new Program('python3', ['-c', python, ...words])
  if (role === 'server') await program.listensOn(port)
  return Object.assign(program, { port })
}

const python = `
import socket, ssl, sys
role, port, chain, key, authority = sys.argv[1], int(sys.argv[2]), *sys.argv[3:]
if role == 'client':
    context = ssl.create_default_context(cafile=authority)
    context.load_cert_chain(chain, key)
    context.post_handshake_auth = True
    with context.wrap_socket(socket.create_connection(('127.0.0.1', port)), server_hostname='server.test') as c:
        while data := c.recv(1000):
            c.sendall(data)
else:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.load_verify_locations(authority)
    context.post_handshake_auth = True
    context.verify_mode = ssl.CERT_OPTIONAL
    listener = socket.create_server(('127.0.0.1', port))
    with context.wrap_socket(listener.accept()[0], server_side=True) as s:
        assert s.recv(1000) == b'who am I?\\n'
        assert not s.getpeercert()
        s.verify_client_post_handshake()
        # The request goes out with this, and its answer is read behind it.
        s.sendall(b'one moment, ')
        assert s.recv(1000) == b'here\\n'
        names = dict(part[0] for part in (s.getpeercert() or {}).get('subject', ()))
        s.sendall((names.get('commonName', 'nobody') + '\\n').encode())
        s.recv(1000)
`
