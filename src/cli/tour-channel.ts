import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { TLSClientConfiguration } from '../config/client-configuration.ts'
import { TLSServerConfiguration } from '../config/server-configuration.ts'
import { grouped, type Terminal } from './terminal.ts'
import type { Stage } from './tour-stage.ts'
import { check } from './tour-step.ts'

/** Two channels in one hand: what one produces is carried to the other, and waiting is a value. */
export async function showChannel(stage: Stage, { symbols }: Terminal): Promise<readonly string[]> {
  const { backend, servingBackend, trusted, server: chain } = stage
  const client = backend.clientContext(new TLSClientConfiguration({ trustStore: trusted })).createBuffer('localhost')
  const server = servingBackend.serverContext(new TLSServerConfiguration({ certificateChain: [chain] })).createBuffer()
  const rows: string[] = []
  const carry = (from: TLSBuffer, what: string, answers: string): void => {
    const bytes = from.processOutgoing()
    const to = from === client ? server : client
    check(to.processIncoming(bytes) === bytes.byteLength, 'the other side takes all bytes')
    const way = from === client ? `client ${symbols.arrow} server` : `client ${symbols.back} server`
    rows.push(`${way}  ${grouped(bytes.byteLength).padStart(5)} bytes  ${what.padEnd(20)}${answers}`)
  }

  let step: string = client.handshake()
  check(step === 'want-read', `the client waits for an answer, not ${step}`)
  carry(client, 'ClientHello', `handshake(): ${step}`)
  step = server.handshake()
  check(step === 'want-read', `the server waits for the client's proof, not ${step}`)
  carry(server, 'flight to Finished', `handshake(): ${step}`)
  step = client.handshake()
  check(step === 'done', `the client is done, not ${step}`)
  carry(client, 'Finished', `handshake(): ${step}`)
  step = server.handshake()
  check(step === 'done', `the server is done, not ${step}`)
  const taken = client.write(new TextEncoder().encode(message))
  check(taken === message.length, `write takes all, not ${taken}`)
  carry(client, `"${message}"`, `write(): ${taken}`)
  const read = server.read(1024)
  const text = read instanceof Uint8Array ? new TextDecoder().decode(read) : read
  check(text === message, `the server reads "${message}", not "${text}"`)
  client.shutdown()
  carry(client, 'close_notify', 'shutdown()')
  const end = server.read(1024)
  check(end === 'closed', `the server reads closed, not ${String(end)}`)
  client[Symbol.dispose]()
  server[Symbol.dispose]()
  return [...rows, `the server read(): "${text}", then ${end}`]
}

const message = 'hello'
