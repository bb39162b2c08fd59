// IMAP with imapflow over our TLS, which begins with STARTTLS; a server with one mailbox is at the other end.
import { once } from 'node:events'
import * as net from 'node:net'
import { ImapFlow } from 'imapflow'
import { startTlsServer } from 'polytls'
import { imapflowTransport } from 'polytls/imapflow'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'mail', names: ['localhost'] })

// A real one is Dovecot, with `ssl = required`.
const server = net.createServer(async (plain) => {
  const { socket } = await startTlsServer(plain, 'imap', { certificateChain: [chain] })
  // Behind LOGOUT, imapflow hangs up without a word.
  socket.on('error', () => {})
  socket.on('data', (commands) => {
    // They come whole: imapflow says one and waits.
    for (const line of String(commands)
      .split('\r\n')
      .filter((each) => each !== '')) {
      const [tag, command = '', who] = line.split(' ')
      console.log('inside TLS:', command === 'LOGIN' ? `LOGIN ${who} …` : line.slice(line.indexOf(' ') + 1))
      socket.write(`${untagged[command] ?? ''}${tag} OK done\r\n`)
      if (command === 'LOGOUT') socket.end()
    }
  })
})
const untagged: { readonly [command: string]: string } = {
  CAPABILITY: '* CAPABILITY IMAP4rev1\r\n',
  STATUS: '* STATUS INBOX (MESSAGES 3 UNSEEN 1)\r\n',
  LOGOUT: '* BYE see you\r\n',
}
server.listen(0, 'localhost')
await once(server, 'listening')

const mailbox = new ImapFlow({
  host: 'localhost',
  port: (server.address() as net.AddressInfo).port,
  // On port 993, `secure: true` instead of these two.
  secure: false,
  doSTARTTLS: true,
  auth: { user: 'alice', pass: 'secret' },
  transport: imapflowTransport({ trustStore: authority.trustStore }),
  logger: false,
  disableAutoIdle: true,
})
await mailbox.connect()
const status = await mailbox.status('INBOX', { messages: true, unseen: true })
if (status) console.log(`${status.messages} messages, ${status.unseen} of them unseen`)
await mailbox.logout()
server.close()

// Prints:
// inside TLS: CAPABILITY
// inside TLS: LOGIN "alice" …
// inside TLS: CAPABILITY
// inside TLS: LIST "" ""
// inside TLS: STATUS INBOX (MESSAGES UNSEEN)
// 3 messages, 1 of them unseen
// inside TLS: LOGOUT
