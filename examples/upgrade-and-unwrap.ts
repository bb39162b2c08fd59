// A connection that begins in plain text, goes on in TLS, and returns to plain text: on one and the same socket.
import { once } from 'node:events'
import * as net from 'node:net'
import { upgrade } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'server', names: ['mail.example'] })

const server = net.createServer(async (plain) => {
  await read(plain) // STARTTLS
  plain.write('go ahead')
  // Waits for the client's close_notify; without allowHalfOpen, it would answer that by closing.
  const tls = await upgrade(plain, { isServer: true, certificateChain: [chain], allowHalfOpen: true })
  tls.write(`secret, got: ${await read(tls)}`)
  await read(tls) // nothing more: the client says close_notify
  const again = await tls.unwrap()
  again.end(`plain again, got: ${await read(again)}`)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const plain = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1')
plain.write('STARTTLS')
console.log(await read(plain))

const tls = await upgrade(plain, { serverName: 'mail.example', trustStore: authority.trustStore })
tls.write('password')
console.log(await read(tls))

const again = await tls.unwrap()
again.write('bye')
console.log(await read(again))
console.log('the same socket:', again === plain)
server.close()

/** The next piece of a stream; these messages are short enough to come in one. */
async function read(stream: NodeJS.ReadableStream): Promise<string | undefined> {
  for (;;) {
    const chunk = stream.read()
    if (chunk !== null) return String(chunk)
    if (!stream.readable) return undefined
    await Promise.race([once(stream, 'readable'), once(stream, 'end')])
  }
}

// Prints:
// go ahead
// secret, got: password
// plain again, got: bye
// the same socket: true
