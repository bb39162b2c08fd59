import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, it } from 'node:test'
import type { ServerProtocol } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { startGnuTLSClient } from './support/gnutls.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { startSClient } from './support/openssl.ts'
import { serve } from './support/own-plain-server.ts'
import { patiently } from './support/patience.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

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
      const { port, accepted } = await serve(t, identities, backend, protocol as ServerProtocol)
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
      const { port, accepted } = await serve(t, identities, backend, protocol as ServerProtocol)
      await using client = startGnuTLSClient(identities, port, [`--starttls-proto=${gnutls}`])
      const { socket } = await accepted
      socket.on('error', () => {})
      socket.write('from inside\n')
      await client.reports(/from inside/)
    })
  }
})
