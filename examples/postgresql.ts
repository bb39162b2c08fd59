// PostgreSQL with pg over our TLS: a pool whose connections ask for TLS in PostgreSQL's way, and a server that knows one answer.
import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import pg from 'pg'
import { startTlsServer, TLSVersion } from 'polytls'
import { pgStream } from 'polytls/pg'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'database', names: ['localhost'] })

// A real one has `ssl = on`, ssl_cert_file and ssl_key_file in postgresql.conf.
const server = net.createServer(async (plain) => {
  const { socket } = await startTlsServer(plain, 'postgres', { certificateChain: [chain] })
  console.log('a client came over', socket.facts.version)
  const startup = await take(socket, 4)
  await take(socket, startup.readUInt32BE() - 4)
  socket.write(Buffer.concat([encode('R', '\0\0\0\0'), ready])) // nobody is asked for a password here
  for (;;) {
    const head = await take(socket, 5)
    await take(socket, head.readUInt32BE(1) - 4)
    if (head[0] !== 0x51) break // not Query
    const column = encode('T', `\0\x01answer\0${'\0'.repeat(6)}\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0`)
    socket.write(Buffer.concat([column, encode('D', '\0\x01\0\0\0\x0242'), encode('C', 'SELECT 1\0'), ready]))
  }
  socket.end()
})
const ready = encode('Z', 'I')
server.listen(0, 'localhost')
await once(server, 'listening')

const pool = new pg.Pool({
  host: 'localhost',
  port: (server.address() as net.AddressInfo).port,
  user: 'alice',
  database: 'shop',
  max: 1,
  // For servers from version 17 on, `negotiation: 'direct'` saves a round trip.
  ...pgStream({ trustStore: authority.trustStore, lowestSupportedVersion: TLSVersion.TLSv1_3 }),
})
const { rows } = await pool.query('select 6 * 7 as answer')
console.log(rows)
await pool.end()
server.close()

function encode(type: string, body: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(4 + body.length)
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')])
}

async function take(stream: Duplex, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = length === 0 ? Buffer.alloc(0) : stream.read(length)
    if (bytes !== null) return bytes
    await once(stream, 'readable')
  }
}

// Prints:
// a client came over TLSv1.3
// [ { answer: 42 } ]
