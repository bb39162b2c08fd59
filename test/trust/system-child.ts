import { type ClientOptions, TLSClientConfiguration, TLSServerConfiguration, TrustStore } from 'polytls'
import { testedBackends } from '../support/backends.ts'
import { connectionOf } from '../support/connection.ts'
import { signingChain } from '../support/identities.ts'

/** Tells how each backend judges a server by the trust of the system, which the environment of this process decides. */
const { certificate, key } = JSON.parse(process.argv[2] as string)
const certificateChain = [signingChain({ certificate, key, chain: [] })]

const told: Record<string, Record<string, string>> = {}
for (const backend of testedBackends) {
  if (!backend.capabilities.sources.trustStore.includes('system')) continue
  told[backend.name] = {}
  for (const [what, options] of [
    ['no trust store', {}],
    ['TrustStore.system()', { trustStore: TrustStore.system() }],
  ] as const satisfies readonly (readonly [string, ClientOptions])[]) {
    ;(told[backend.name] as Record<string, string>)[what] = await ending(() =>
      connectionOf({
        client: backend.clientContext(new TLSClientConfiguration(options)),
        server: backend.serverContext(new TLSServerConfiguration({ certificateChain })),
      }),
    )
  }
}
process.stdout.write(JSON.stringify(told))

async function ending(make: () => ReturnType<typeof connectionOf>): Promise<string> {
  try {
    using connection = await make().establish()
    return connection.client.facts.verified ? 'verified' : 'not verified'
  } catch (error) {
    const { name, reason, field, message } = error as Error & { reason?: string; field?: string }
    return `${name} ${reason ?? `${field} ${message}`}`
  }
}
