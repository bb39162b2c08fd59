import { setImmediate } from 'node:timers/promises'
import { TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { connectionOf } from '../../support/connection.ts'
import { matching } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

/** Forgets channels and contexts, collects garbage, and tells how many the finalizer freed. Needs --expose-gc. */
const collect = globalThis.gc as () => void
const workshop = new OpenSSLWorkshop()
const freedChannels = workshop.count('SSL_free')
const freedContexts = workshop.count('SSL_CTX_free')
const made = { channels: 0, contexts: 0 }

const { client, server } = await matching()
for (let index = 0; index < 30; index++) {
  const contexts = {
    client: workshop.clientContext(new TLSClientConfiguration(client)),
    server: workshop.serverContext(new TLSServerConfiguration(server)),
  }
  made.contexts += 2
  for (let each = 0; each < 10; each++) {
    const connection = connectionOf(contexts)
    made.channels += 2
    // Some are done, some in the middle, some not begun.
    if (each < 4) await connection.establish()
    else if (each < 7) connection.client.handshake()
  }
}
for (let round = 0; round < 20 && freedContexts() < made.contexts; round++) {
  collect()
  await setImmediate()
}
process.stdout.write(JSON.stringify({ made, freed: { channels: freedChannels(), contexts: freedContexts() } }))
