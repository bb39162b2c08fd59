// Errors say what happened, by a code and a reason that a program can use, and what to try.
import { connect, NegotiationError, openssl, TLSClientConfiguration, TLSError, TLSVersion } from 'polytls'
import { createAuthority } from './certificates.ts'
import { startEchoServer } from './echo-server.ts'

const authority = await createAuthority('Example CA')
const { server, port } = await startEchoServer({
  certificateChain: [await authority.issue({ name: 'server', names: ['localhost'] })],
  lowestSupportedVersion: TLSVersion.TLSv1_3,
})

for (const options of [
  { trustStore: authority.trustStore, highestSupportedVersion: TLSVersion.TLSv1_2 },
  { trustStore: authority.trustStore, serverName: 'other.example' },
  { trustStore: (await createAuthority('Somebody else')).trustStore },
]) {
  try {
    await connect({ host: 'localhost', port, ...options })
  } catch (error) {
    if (!(error instanceof TLSError)) throw error
    console.log(`${error.name} ${error.code}: ${error.message}`)
    if (error.hint !== undefined) console.log(`  try: ${error.hint}`)
    if (error instanceof NegotiationError) console.log(`  nothing in common: ${error.subject}`)
  }
}

// A configuration that a backend cannot honour is refused before anything is sent; `explain` gives all of the reasons at once.
const wish = new TLSClientConfiguration({ groups: [0xfe00], trustStore: authority.trustStore })
for (const { field, reason } of openssl.explain(wish)) console.log(`${field}: ${reason}`)
await server.shutdown()
