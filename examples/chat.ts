// Chat by XMPP: a client comes to TLS, logs in, and says something to itself; and the server that lets it.
import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { startTls, startTlsServer } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'chat', names: ['capulet.example'] })
const namespaces = `xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'`

const server = net.createServer(async (plain) => {
  const { socket, learned } = await startTlsServer(plain, 'xmpp-client', {
    certificateChain: [chain],
    dialogue: { domains: ['capulet.example'] },
  })
  // Inside, the stream begins anew, with what is offered there.
  await heard(socket, '<stream:stream')
  console.log('asked for:', learned.to)
  socket.write(`<stream:stream ${namespaces} from='capulet.example' id='1'><stream:features>PLAIN</stream:features>`)
  const login = /<auth[^>]*>(.*)<\/auth>/.exec(await heard(socket, '</auth>'))?.[1] ?? ''
  console.log('logs in:', Buffer.from(login, 'base64').toString().split('\0')[1])
  socket.write('<success/>')
  socket.end(await heard(socket, '</message>'))
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')

const { socket, learned } = await startTls(net.connect((server.address() as net.AddressInfo).port), 'xmpp-client', {
  // The domain, whatever the host is called.
  serverName: 'capulet.example',
  trustStore: authority.trustStore,
  dialogue: { from: 'juliet@capulet.example' },
})
console.log('TLS is required:', learned.isRequired)
socket.write(`<stream:stream ${namespaces} to='capulet.example'>`)
await heard(socket, '</stream:features>')
const login = Buffer.from('\0juliet\0secret').toString('base64')
socket.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${login}</auth>`)
await heard(socket, '<success/>')
socket.write(`<message to='juliet@capulet.example'><body>What's in a name?</body></message>`)
console.log(/<body>(.*)<\/body>/.exec(await heard(socket, '</message>'))?.[1])
socket.end()
server.close()

/** What comes until something has come. */
async function heard(stream: Duplex, wanted: string): Promise<string> {
  let text = ''
  while (!text.includes(wanted)) {
    const chunk: Buffer | null = stream.read()
    if (chunk === null) await once(stream, 'readable')
    else text += chunk
  }
  return text
}

// Prints:
// TLS is required: true
// asked for: capulet.example
// logs in: juliet
// What's in a name?
