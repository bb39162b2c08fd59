// A mail from nodemailer to smtp-server, with our TLS on both sides.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { createTransport } from 'nodemailer'
import { nodemailerSocket } from 'polytls/nodemailer'
import { secureServer } from 'polytls/servers'
import { SMTPServer } from 'smtp-server'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'mail', names: ['localhost'] })]

// TLS is done when smtp-server sees a connection, which `secured` tells it.
const server = new SMTPServer({
  secure: true,
  secured: true,
  logger: false,
  onAuth: ({ username, password }, _session, done) =>
    done(password === 'secret' ? null : new Error('no'), { user: username }),
  onData: (stream, { user, secure }, done) => {
    console.log(`from ${String(user)}, secure: ${secure}`)
    stream.resume().on('end', done)
  },
})
const below = server.server as Server
secureServer(below, { certificateChain })
server.listen(0, 'localhost')
await once(below, 'listening')

const mailer = createTransport({
  host: 'localhost',
  port: (below.address() as AddressInfo).port,
  auth: { user: 'alice', pass: 'secret' },
  // For port 587, add `startTls: true`.
  getSocket: nodemailerSocket({ trustStore: authority.trustStore }),
})
const { accepted } = await mailer.sendMail({ from: 'alice@mail.example', to: 'bob@mail.example', text: 'Hello' })
console.log('accepted for', ...accepted)
server.close()

// Prints:
// from alice, secure: true
// accepted for bob@mail.example
