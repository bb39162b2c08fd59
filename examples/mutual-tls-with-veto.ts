// Both sides show certificates, and the server decides which of the verified clients may come in.
import { X509Certificate } from 'node:crypto'
import { connect, type SigningChain, type VerifyPeer } from 'polytls'
import { createAuthority } from './certificates.ts'
import { startEchoServer } from './echo-server.ts'

const authority = await createAuthority('Example CA')

// Runs after the chain was verified, before any byte of the application; it can refuse, but not excuse. It may be asynchronous.
const onlyWorkers: VerifyPeer = async ({ chain: [leaf] }) => {
  const subject = leaf === undefined ? 'nobody' : new X509Certificate(leaf).subject
  return subject === 'CN=worker' ? { accept: true } : { accept: false, reason: `${subject} is not a worker` }
}

const { server, port } = await startEchoServer({
  certificateChain: [await authority.issue({ name: 'server', names: ['localhost'] })],
  clientAuthentication: 'required',
  trustStore: authority.trustStore,
  verifyPeer: onlyWorkers,
})
server.on('tlsClientError', (error) => console.log('server:', error.message))

async function tryAs(certificateChain: SigningChain | undefined): Promise<void> {
  const { trustStore } = authority
  try {
    const socket = await connect({
      host: 'localhost',
      port,
      trustStore,
      ...(certificateChain === undefined ? {} : { certificateChain }),
    })
    socket.end('hello')
    let answer = ''
    for await (const chunk of socket) answer += String(chunk)
    // OpenSSL ends its handshake before it lets us judge a client: a refused one sees the connection closed, and no alert.
    console.log('client:', answer === '' ? 'closed without an answer' : answer)
  } catch (error) {
    // In TLS 1.3 a client is done before the server has judged its certificate: the refusal may come with the first read.
    console.log('client:', (error as Error).message)
  }
}

await tryAs(await authority.issue({ name: 'worker' }))
await tryAs(await authority.issue({ name: 'visitor' }))
await tryAs(undefined)
await server.shutdown()

// Prints:
// client: hello
// server: the application refused the peer: CN=visitor is not a worker
// client: closed without an answer
// server: the client sent no certificate, and one is required
// client: the peer ended the connection with the alert certificate_required
