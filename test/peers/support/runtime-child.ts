import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { backends, connect, createPortableBackend, createServer, TLSClientConfiguration } from 'polytls'
import { matching } from '../../support/identities.ts'

// Runs in a runtime other than Node: each backend that is available speaks with itself over sockets. Prints one line of JSON for each.

const noble = createPortableBackend({ name: 'portable-noble', crypto: 'noble' })
const size = 300_000

for (const backend of [...backends, noble]) {
  const { name, available } = backend
  if (!available.yes) {
    console.log(JSON.stringify({ name, unavailable: available.reason }))
    continue
  }
  // What the machine trusts can be read.
  backend.clientContext(new TLSClientConfiguration())
  const { client, server: options } = await matching()
  for (const version of backend.capabilities.versions) {
    const server = createServer({ backend, ...options, highestSupportedVersion: version }, (socket) =>
      socket.pipe(socket),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = await connect({ backend, ...client, host: '127.0.0.1', serverName: 'server.test', port })
    socket.end(new Uint8Array(size))
    let received = 0
    for await (const chunk of socket) received += (chunk as Uint8Array).length
    console.log(JSON.stringify({ name, version: socket.facts.version, verified: socket.facts.verified, received }))
    await server.shutdown()
  }
}
