// Files by FTP over TLS: every data connection goes on from the session of the control connection, as servers demand, and in the end the
// control connection returns to plain text (CCC). The server below is as much of one as it takes to see that.
import { once } from 'node:events'
import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { DataConnections, openssl, startTls, TLSServerConfiguration, upgrade } from 'polytls'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'ftp', names: ['ftp.example'] })
const context = openssl.serverContext(new TLSServerConfiguration({ certificateChain: [chain] }))
const server = net.createServer(serve)

const { socket: control } = await startTls(net.connect(await listen(server), '127.0.0.1'), 'ftp', {
  serverName: 'ftp.example',
  trustStore: authority.trustStore,
  // The server may end TLS in the same moment in which it agrees to CCC; that is not to close the connection.
  allowHalfOpen: true,
})
const data = new DataConnections(control)

for (let i = 1; i <= 3; i++) {
  const [, port] = /\|\|\|(\d+)\|/.exec(await ask(control, 'EPSV')) ?? []
  const plain = net.connect(Number(port), '127.0.0.1')
  // The server agrees first, and begins TLS then.
  await ask(control, `RETR file-${i}`)
  const socket = await data.upgrade(plain)
  for await (const chunk of socket) console.log(String(chunk), `resumed: ${socket.facts.resumed}`)
  await line(control)
}

console.log(await ask(control, 'CCC'))
const again = await control.unwrap()
console.log('in plain text:', await ask(again, 'QUIT'))
server.close()

async function ask(stream: Duplex, command: string): Promise<string> {
  stream.write(`${command}\r\n`)
  return line(stream)
}

/** The next line of a stream. */
async function line(stream: Duplex): Promise<string> {
  let text = ''
  while (!text.endsWith('\r\n')) {
    const byte: Buffer | null = stream.read(1)
    if (byte === null) await once(stream, 'readable')
    else text += byte
  }
  return text.trimEnd()
}

async function listen(listening: net.Server): Promise<number> {
  listening.listen(0, '127.0.0.1')
  await once(listening, 'listening')
  return (listening.address() as net.AddressInfo).port
}

async function serve(plain: net.Socket): Promise<void> {
  plain.write('220 ftp.example\r\n')
  await line(plain) // AUTH TLS
  plain.write('234 go ahead\r\n')
  const tls = await upgrade(plain, { isServer: true, context, allowHalfOpen: true })
  const passive = net.createServer()
  let coming: Promise<unknown[]> | undefined
  for (;;) {
    const [command = ''] = (await line(tls)).split(' ')
    if (command === 'CCC') break
    if (command === 'EPSV') {
      if (!passive.listening) await listen(passive)
      coming = once(passive, 'connection')
      tls.write(`229 here (|||${(passive.address() as net.AddressInfo).port}|)\r\n`)
    } else if (command === 'RETR') {
      tls.write('150 it comes\r\n')
      const [accepted] = (await coming) as [net.Socket]
      const socket = await upgrade(accepted, { isServer: true, context })
      const reply = socket.facts.resumed ? '226 done' : '522 a data connection has to resume'
      socket.resume().end('a file,')
      await once(socket, 'close')
      tls.write(`${reply}\r\n`)
    } else tls.write('200 as you like\r\n')
  }
  passive.close()
  tls.write('200 back to plain text\r\n')
  const again = await tls.unwrap()
  await line(again) // QUIT
  again.end('221 bye\r\n')
}

// Prints:
// a file, resumed: true
// a file, resumed: true
// a file, resumed: true
// 200 back to plain text
// in plain text: 221 bye
