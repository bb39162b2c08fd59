// PostgreSQL's way to TLS, as servers of every version know it, and from the first byte, as those from 17 on do; and a server that
// answers both, whatever it is asked.
import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { startTls, startTlsServer } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'database', names: ['db.example'] })

const server = net.createServer(async (plain) => {
  const { socket, learned } = await startTlsServer(plain, 'postgres', { certificateChain: [chain] })
  await message(socket, { hasType: false })
  console.log('came by:', learned.negotiation)
  socket.write(Buffer.concat([encode('R', '\0\0\0\0'), encode('Z', 'I')]))
  const query = await message(socket, { hasType: true })
  socket.end(encode('D', `\0\x01\0\0\0\x02${query.includes('6 * 7') ? '42' : '??'}`))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

for (const negotiation of ['request', 'direct'] as const) {
  const { socket } = await startTls(net.connect((server.address() as net.AddressInfo).port), 'postgres', {
    serverName: 'db.example',
    trustStore: authority.trustStore,
    dialogue: { negotiation },
  })
  console.log('agreed on:', socket.facts.innerProtocol)
  socket.write(encode('', '\0\x03\0\0user\0alice\0\0'))
  await message(socket, { hasType: true }) // AuthenticationOk
  await message(socket, { hasType: true }) // ReadyForQuery
  socket.write(encode('Q', 'select 6 * 7\0'))
  console.log('answer:', (await message(socket, { hasType: true })).slice(-2))
  socket.end()
}
server.close()

function encode(type: string, body: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')])
}

/** The body of the next message. */
async function message(stream: Duplex, { hasType }: { readonly hasType: boolean }): Promise<string> {
  const head = await take(stream, hasType ? 5 : 4)
  return (await take(stream, head.readUInt32BE(head.length - 4) - 4)).toString('latin1')
}

async function take(stream: Duplex, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = stream.read(length)
    if (bytes !== null) return bytes
    await once(stream, 'readable')
  }
}

// Prints:
// agreed on: undefined
// came by: request
// answer: 42
// agreed on: postgresql
// came by: direct
// answer: 42
