// A mail server and its client: SMTP in plain text, then TLS; and a client that may stay in plain text, but says so.
import { once } from 'node:events'
import * as net from 'node:net'
import { startTls, startTlsServer } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'mail', names: ['mail.example'] })

const server = net.createServer(async (plain) => {
  const { socket, learned } = await startTlsServer(plain, 'smtp', {
    certificateChain: [chain],
    dialogue: { serverName: 'mail.example', capabilities: ['SIZE 1000000'] },
  })
  socket.end(`250 hello inside, ${learned.clientName}\r\n`)
})
const oldServer = net.createServer((plain) => {
  plain.write('220 old.example ESMTP\r\n')
  plain.once('data', () => plain.end('250-old.example\r\n250 8BITMIME\r\n'))
})

const { socket, learned } = await startTls(await connectTo(server), 'smtp', {
  serverName: 'mail.example',
  trustStore: authority.trustStore,
  dialogue: { clientName: 'client.example' },
  trace: (from, text) => console.log(`${from}: ${text}`),
})
console.log('learned:', learned.capabilities.join(', '))
for await (const chunk of socket) console.log('secured:', String(chunk).trim())

const delivery = await startTls(await connectTo(oldServer), 'smtp', {
  serverName: 'mail.example',
  trustStore: authority.trustStore,
  opportunistic: true,
})
console.log(delivery.isEncrypted ? 'secured' : `in plain text: ${delivery.reason.message}`)
delivery.socket.destroy()
server.close()
oldServer.close()

async function connectTo(listening: net.Server): Promise<net.Socket> {
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return net.connect((listening.address() as net.AddressInfo).port, '127.0.0.1')
}

// Prints:
// server: 220 mail.example ESMTP
// client: EHLO client.example
// server: 250-mail.example
// server: 250-SIZE 1000000
// server: 250 STARTTLS
// client: STARTTLS
// server: 220 2.0.0 ready to start TLS
// learned: SIZE 1000000, STARTTLS
// secured: 250 hello inside, client.example
// in plain text: smtp: the server does not offer STARTTLS
