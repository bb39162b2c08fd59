// A client: connect, verify, ask, read the answer.
import { connect, TLSVersion } from 'polytls'
import { createAuthority } from './certificates.ts'
import { startEchoServer } from './echo-server.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'server', names: ['localhost'] })
const { server, port } = await startEchoServer({
  certificateChain: [chain],
  lowestSupportedVersion: TLSVersion.TLSv1_3,
})

const socket = await connect({
  host: 'localhost',
  port,
  lowestSupportedVersion: TLSVersion.TLSv1_3,
  // Leave this out to trust what the operating system trusts.
  trustStore: authority.trustStore,
  signal: AbortSignal.timeout(10_000),
})
const { version, verified } = socket.facts
console.log(version, verified ? 'verified' : 'not verified')

socket.end('hello')
for await (const chunk of socket) console.log(String(chunk))
await server.shutdown()

// Prints:
// TLSv1.3 verified
// hello
