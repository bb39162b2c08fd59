// A server that learns from the ClientHello whom a client wants, fetches the certificate for that name when it is first asked for, and
// turns away what it does not serve.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, openssl, type ServerContext, TLSError, TLSServerConfiguration } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const served = new Set(['mail.service.example', 'www.service.example'])

// One context for each name, made once: while it is being made, all who ask wait for the same one.
const contexts = new Map<string, Promise<ServerContext>>()
async function makeContext(name: string): Promise<ServerContext> {
  console.log(`fetching a certificate for ${name}`)
  // Here a program would ask its certificate authority, by ACME (RFC 8555) for instance.
  const chain = await authority.issue({ name, names: [name] })
  return openssl.serverContext(new TLSServerConfiguration({ certificateChain: [chain] }))
}

const server = createServer(
  {
    backend: openssl,
    // None of its own: every client gets the context that is chosen, or is refused.
    certificateChain: [],
    chooseContext: ({ serverName = '' }) => {
      if (!served.has(serverName)) return { refuse: `no host ${serverName}`, alert: 'unrecognized_name' }
      const context = contexts.get(serverName) ?? makeContext(serverName)
      contexts.set(serverName, context)
      // One that could not be made is tried again by the next client.
      context.catch(() => contexts.delete(serverName))
      return context
    },
  },
  (socket) => socket.end(`hello from ${socket.facts.serverName}`),
)
server.on('tlsClientError', (error) => console.log(error.message))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

for (const serverName of ['mail.service.example', 'mail.service.example', 'elsewhere.example']) {
  try {
    const socket = await connect({ host: '127.0.0.1', port, serverName, trustStore: authority.trustStore })
    for await (const chunk of socket) console.log(String(chunk))
  } catch (error) {
    if (!(error instanceof TLSError)) throw error
    console.log(`${serverName}: ${error.alert}`)
  }
}
await server.shutdown()

// Prints:
// fetching a certificate for mail.service.example
// hello from mail.service.example
// hello from mail.service.example
// the application refuses the client by its ClientHello: no host elsewhere.example
// elsewhere.example: unrecognized_name
