import { once } from 'node:events'
import * as net from 'node:net'
import { upgrade } from '../connections.ts'
import type { Terminal } from './terminal.ts'
import type { Stage } from './tour-stage.ts'
import { aligned, check, hear } from './tour-step.ts'

/** A little mail server's dialogue: greeting and STARTTLS in plain text, a secret in TLS, farewell in plain text. */
export async function showUpgrade(stage: Stage, terminal: Terminal): Promise<readonly string[]> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true })
  const port = await stage.listen(server)
  const serving = once(server, 'connection').then(([socket]) => serve(stage, socket as net.Socket))
  // Where the client fails first, what the server makes of that does not matter.
  serving.catch(() => {})
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true })
  const { backend, trusted: trustStore } = stage

  const greeting = await hear(socket, lines.greeting.length)
  socket.write(lines.request)
  const goAhead = await hear(socket, lines.goAhead.length)
  const secured = await upgrade(socket, { serverName: 'localhost', backend, trustStore })
  secured.write(lines.secret)
  const receipt = await hear(secured, lines.receipt.length)
  const { facts } = secured
  const plain = await secured.unwrap()
  plain.write(lines.farewell)
  const reply = await hear(plain, lines.reply.length)
  plain.end()
  const heard = await serving

  check(plain === socket, 'the stream that comes back is the one that went in')
  check(greeting === lines.greeting && goAhead === lines.goAhead, 'the plain text before TLS arrives')
  check(facts.verified, 'the server is verified on a socket that was used before')
  check(heard.secret === lines.secret && receipt === lines.receipt, 'what is said in TLS arrives')
  check(heard.farewell === lines.farewell && reply === lines.reply, 'the plain text behind TLS arrives')
  const exchange = (said: string, answer: string): string => `${said.trim()} ${terminal.symbols.arrow} ${answer.trim()}`
  return aligned(
    [
      ['plain', exchange(lines.request, lines.goAhead)],
      [facts.version ?? 'TLS', exchange(lines.secret, lines.receipt)],
      ['plain', `${exchange(lines.farewell, lines.reply)}, still on port ${port}`],
    ],
    terminal,
  )
}

const lines = {
  greeting: '220 ready\r\n',
  request: 'STARTTLS\r\n',
  goAhead: '220 go ahead\r\n',
  secret: 'the secret\r\n',
  receipt: '250 kept\r\n',
  farewell: 'QUIT\r\n',
  reply: '221 bye\r\n',
} as const

interface Heard {
  readonly secret: string
  readonly farewell: string
}

async function serve({ servingBackend: backend, server }: Stage, socket: net.Socket): Promise<Heard> {
  socket.write(lines.greeting)
  await hear(socket, lines.request.length)
  socket.write(lines.goAhead)
  const secured = await upgrade(socket, { isServer: true, backend, certificateChain: [server], allowHalfOpen: true })
  const secret = await hear(secured, lines.secret.length)
  secured.write(lines.receipt)
  const plain = await secured.unwrap()
  const farewell = await hear(plain, lines.farewell.length)
  plain.end(lines.reply)
  return { secret, farewell }
}
