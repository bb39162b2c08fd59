// A server: several certificates, chosen by the name that a client asks for, and exchanged while it runs.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer, openssl, type SigningChain, TLSServerConfiguration } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const mail = await authority.issue({ name: 'mail', names: ['mail.service.example'] })
const everythingElse = await authority.issue({
  name: 'any',
  names: ['*.service.example', '127.0.0.1'],
  keyKind: 'rsa-2048',
})

// The first chain is for clients that ask for no name, or for one that no chain has.
const contextOf = (certificateChain: readonly SigningChain[]) =>
  openssl.serverContext(new TLSServerConfiguration({ certificateChain, innerProtocols: ['greeting'] }))

const server = createServer({ context: contextOf([everythingElse, mail]) }, (socket) => {
  socket.end(`you asked for ${socket.facts.serverName ?? 'nobody'} and speak ${socket.facts.innerProtocol}`)
})
server.on('tlsClientError', (error) => console.log('a client failed:', error.message))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

async function ask(serverName: string): Promise<void> {
  const socket = await connect({
    host: '127.0.0.1',
    port,
    serverName,
    trustStore: authority.trustStore,
    innerProtocols: ['greeting'],
  })
  const subject = socket.getPeerX509Certificate()?.subject
  for await (const chunk of socket) console.log(`${subject}: ${chunk}`)
}

await ask('mail.service.example')
await ask('www.service.example')
await ask('127.0.0.1')

// A renewed certificate: new connections get it, open ones go on.
server.setContext(contextOf([await authority.issue({ name: 'renewed', names: ['127.0.0.1'] })]))
await ask('127.0.0.1')

// Says close_notify to every client, and waits until they are gone.
await server.shutdown()

// Prints:
// CN=mail: you asked for mail.service.example and speak greeting
// CN=any: you asked for www.service.example and speak greeting
// CN=any: you asked for nobody and speak greeting
// CN=renewed: you asked for nobody and speak greeting
