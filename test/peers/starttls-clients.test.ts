import assert from 'node:assert/strict'
import { once } from 'node:events'
import * as net from 'node:net'
import { after, before, it, type TestContext } from 'node:test'
import { type Backend, type ServerProtocol, type StartedTLS, startTlsServer } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { startGnuTLSClient } from './support/gnutls.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { startSClient } from './support/openssl.ts'
import { patiently } from './support/patience.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** A server of a protocol as far as TLS, for one client. */
async function serve(
  t: TestContext,
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

/** What each of the programs calls a protocol that we have a server's side of. */
const protocols: { readonly [P in ServerProtocol & string]: { readonly openssl: string; readonly gnutls?: string } } = {
  smtp: { openssl: 'smtp', gnutls: 'smtp' },
  imap: { openssl: 'imap', gnutls: 'imap' },
  pop3: { openssl: 'pop3', gnutls: 'pop3' },
  ldap: { openssl: 'ldap', gnutls: 'ldap' },
  'xmpp-client': { openssl: 'xmpp', gnutls: 'xmpp' },
  'xmpp-server': { openssl: 'xmpp-server' },
  postgres: { openssl: 'postgres', gnutls: 'postgres' },
}

forEachBackend('programs that begin in plain text, and our server', (backend) => {
  for (const [protocol, { openssl, gnutls }] of Object.entries(protocols)) {
    it(`openssl s_client -starttls ${openssl}`, async (t) => {
      const { port, accepted } = await serve(t, backend, protocol as ServerProtocol)
      await using client = startSClient(identities, port, [
        '-starttls',
        openssl,
        '-name',
        hostName,
        '-xmpphost',
        hostName,
      ])
      const { socket } = await accepted
      socket.on('error', () => {})
      socket.write('from inside\n')
      await client.reports(/from inside/)
      client.stdin.write('into it\n')
      const [chunk] = await patiently('what the client sends', once(socket, 'data'))
      assert.equal(String(chunk), 'into it\n')
    })

    if (gnutls === undefined) continue
    it(`gnutls-cli --starttls-proto=${gnutls}`, async (t) => {
      const { port, accepted } = await serve(t, backend, protocol as ServerProtocol)
      await using client = startGnuTLSClient(identities, port, [`--starttls-proto=${gnutls}`])
      const { socket } = await accepted
      socket.on('error', () => {})
      socket.write('from inside\n')
      await client.reports(/from inside/)
    })
  }
})
