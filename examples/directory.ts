// A directory and its client: LDAP in plain text up to StartTLS, then a login that nobody on the way has seen. The client's library is ldapts.
import { once } from 'node:events'
import * as net from 'node:net'
import { Client } from 'ldapts'
import { startTlsServer } from 'polytls'
import { ldaptsConnection } from 'polytls/ldapts'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'directory', names: ['ldap.example'] })

const server = net.createServer(async (plain) => {
  const { socket } = await startTlsServer(plain, 'ldap', { certificateChain: [chain] })
  socket.on('data', (message: Buffer) => {
    // RFC 4511, Section 4.1.1: SEQUENCE, messageID, operation. A login (0x60) is answered by success; the rest is no part of this.
    const [, , , , id = 0, operation] = message
    if (operation !== 0x60) return
    console.log('somebody logs in over', socket.facts.version)
    socket.write(Buffer.of(0x30, 12, 2, 1, id, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0))
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const client = new Client({
  url: `ldap://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
  createSecureConnection: ldaptsConnection({ trustStore: authority.trustStore, serverName: 'ldap.example' }),
})
await client.startTLS()
await client.bind('cn=alice,dc=example', 'looking-glass')
console.log('welcome')
await client.unbind()
server.close()

// Prints:
// somebody logs in over TLSv1.3
// welcome
