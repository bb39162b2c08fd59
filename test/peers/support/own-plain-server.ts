import { once } from 'node:events'
import * as net from 'node:net'
import type { TestContext } from 'node:test'
import { type Backend, type ServerProtocol, type StartedTLS, startTlsServer } from 'polytls'
import { hostName, type Identities } from './identities.ts'
import { patiently } from './patience.ts'

/** A server of a protocol as far as TLS, for one client. */
export async function serve(
  t: TestContext,
  identities: Identities,
  backend: Backend,
  protocol: ServerProtocol,
): Promise<{ readonly port: number; readonly accepted: Promise<StartedTLS<unknown>> }> {
  let accept: (started: Promise<StartedTLS<unknown>>) => void = () => {}
  const accepted = new Promise<StartedTLS<unknown>>((resolve) => {
    accept = resolve
  })
  const server = net.createServer((plain) => {
    plain.on('error', () => {})
    t.after(() => plain.destroy())
    // Options of all protocols in one; each takes its own.
    const dialogue = { serverName: hostName, domains: [hostName, '127.0.0.1'] }
    const certificateChain = [identities.server().signingChain]
    accept(startTlsServer(plain, protocol, { backend, certificateChain, dialogue } as never))
  })
  t.after(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { port: (server.address() as net.AddressInfo).port, accepted: patiently('the upgrade', accepted) }
}
