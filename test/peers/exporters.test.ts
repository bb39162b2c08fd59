import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import type { TLSSocket } from 'polytls'
import { forEachBackend, has } from '../support/backends.ts'
import { connectTo, exchange, finish, OwnServer, versions } from './support/endpoints.ts'
import { priorityFor, startGnuTLSClient } from './support/gnutls.ts'
import { type Identities, makeIdentities } from './support/identities.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'
import type { Program } from './support/program.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const label = 'EXPORTER-polytls-test'
const length = 77
/** RFC 9266, Section 4, which for these programs is an exporter as any other. */
const bindingLabel = 'EXPORTER-Channel-Binding'
const bindingLength = 32

/** What the program says that it has exported. */
async function exportedBy(program: Program, said: RegExp): Promise<string> {
  await program.reports(said)
  return (said.exec(program.report)?.[1] ?? '').toLowerCase()
}

/** openssl(1) says so on its last line about the connection, GnuTLS with a label of its own. */
const openSSLSays = /Keying material: ([0-9A-F]+)\s/
const gnuTLSSays = /Key material: ([0-9a-f]+)\s/

function ours(socket: TLSSocket): string {
  return socket.exportKeyingMaterial(length, label).toString('hex')
}

forEachBackend('exporters', (backend) => {
  if (!has(backend, 'exporters')) return
  const asking = ['-keymatexport', label, '-keymatexportlen', `${length}`]
  const askingForBinding = ['-keymatexport', bindingLabel, '-keymatexportlen', `${bindingLength}`]

  for (const version of versions) {
    it(`${version}: our client and s_server have the same`, async () => {
      await using server = await startSServer(identities, [onlyVersion[version], ...asking])
      const socket = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      assert.equal(socket.facts.version, version)
      assert.equal(ours(socket), await exportedBy(server, openSSLSays))
      await finish(socket)
    })

    it(`${version}: so have our server and s_client`, async () => {
      await using server = await serve()
      await using client = startSClient(identities, server.port, [onlyVersion[version], ...asking])
      const socket = await server.accepted()
      await exchange(socket, client)
      assert.equal(ours(socket), await exportedBy(client, openSSLSays))
      await finish(socket)
    })

    it(`${version}: so have our server and gnutls-cli`, async () => {
      await using server = await serve()
      const options = [priorityFor(version), `--keymatexport=${label}`, `--keymatexportsize=${length}`]
      await using client = startGnuTLSClient(identities, server.port, options)
      const socket = await server.accepted()
      await exchange(socket, client)
      assert.equal(ours(socket), await exportedBy(client, gnuTLSSays))
      await finish(socket)
    })
  }

  it('tls-exporter is what s_client exports under its label', async () => {
    await using server = await serve()
    await using client = startSClient(identities, server.port, [onlyVersion['TLSv1.3'], ...askingForBinding])
    const socket = await server.accepted()
    await exchange(socket, client)
    const binding = socket.channelBinding('tls-exporter').toString('hex')
    assert.equal(binding, await exportedBy(client, openSSLSays))
    await finish(socket)
  })

  function serve(): Promise<OwnServer> {
    return OwnServer.start(backend, { certificateChain: [identities.server().signingChain], sessions: 'none' })
  }
})
