// A client: connect, verify, ask, read the answer.
import { cipherSuiteName, connect, TLSVersion } from 'polytls'
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
const { version, cipherSuite, verified } = socket.facts
console.log(version, cipherSuite === undefined ? '' : cipherSuiteName(cipherSuite), verified ? 'verified' : '')

socket.end('hello')
for await (const chunk of socket) console.log(String(chunk))
await server.shutdown()
