import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { connect as connectNodeTLS } from 'node:tls'
import { type Backend, createConnection, RaggedEOFError, type TLSSocket } from 'polytls'
import { forEachBackend } from '../support/backends.ts'
import { connectTo, exchange, failureOf, finish, OwnServer, receives, versions } from './support/endpoints.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { cuttingPlaces, Intermediary, recordBoundaries } from './support/intermediary.ts'
import { leavesNothing } from './support/leftovers.ts'
import { onlyVersion, startSClient, startSServer } from './support/openssl.ts'
import { patiently } from './support/patience.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

const endings = ['closed', 'reset'] as const

/** What a side must say that was cut off in its handshake. */
function assertCutOff(error: Error, ending: (typeof endings)[number], where: string): void {
  // A reset that comes together with data is for libuv the end of the stream.
  const isReset = (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  assert.ok((isReset && ending === 'reset') || error instanceof RaggedEOFError, `${where}: ${error}`)
  if (!isReset) assert.match(error.message, /during the handshake/, where)
}

/** The end of a socket of ours that is to fail in its handshake. */
async function failedHandshake(socket: TLSSocket): Promise<Error> {
  let failure: unknown
  await assert.rejects(patiently('the end of a handshake', socket.secured()), (error) => {
    failure = error
    return true
  })
  assert.equal(socket.facts.version, undefined)
  if (!socket.closed) await patiently('the socket to close', new Promise((resolve) => socket.once('close', resolve)))
  return failure as Error
}

forEachBackend('our client and openssl s_server with somebody between', (backend) => {
  const open = (port: number): TLSSocket =>
    createConnection({
      backend,
      host: '127.0.0.1',
      serverName: hostName,
      port,
      trustStore: identities.trustStore,
    }).on('error', () => {})

  for (const version of versions) {
    // Without tickets, all that the server says before data is its handshake.
    const options = [onlyVersion[version], '-num_tickets', '0', '-no_ticket']

    it(`a ${version} server that dies at any stage of its handshake is told from one that ends in good manners`, async () => {
      // Its signatures are of one length, so that every flight is.
      await using server = await startSServer(identities, options, { kind: 'rsa-2048' })
      await using between = await Intermediary.start(server.port)
      const whole = await connectTo(backend, between.port, { trustStore: identities.trustStore })
      // A line has passed when the server has had our last flight, and has answered it.
      whole.write('done\n')
      await server.reports(/^done$/m)
      const flight = between.passedToClient
      await finish(whole)
      assert.equal(recordBoundaries(flight).at(-1), flight.byteLength)
      const places = cuttingPlaces(flight)
      assert.ok(places.length > 20, `${places}`)
      await leavesNothing(async () => {
        for (const ending of endings) {
          const errors: Error[] = []
          for (const passBytes of places) {
            between.toClient = { passBytes, ending }
            const error = await failedHandshake(open(between.port))
            assertCutOff(error, ending, `after ${passBytes} of ${flight.byteLength} bytes`)
            errors.push(error)
          }
          assert.equal(
            (errors[0] as NodeJS.ErrnoException).code,
            ending === 'reset' ? 'ECONNRESET' : 'ERR_TLS_RAGGED_EOF',
          )
        }
      })
      // When the handshake is whole, it is the data that is cut.
      between.toClient = { passBytes: flight.byteLength }
      const cut = await failureOf(connectTo(backend, between.port, { trustStore: identities.trustStore }))
      assert.ok(cut instanceof RaggedEOFError, String(cut))
      assert.match(cut.message, /without close_notify/)
    })

    it(`a ${version} server whose bytes come one by one, to whom ours go one by one, is one like any other`, async () => {
      await using server = await startSServer(identities, options)
      await using between = await Intermediary.start(server.port)
      between.toClient = { byteByByte: true }
      between.toServer = { byteByByte: true }
      const socket = await connectTo(backend, between.port, { trustStore: identities.trustStore })
      await exchange(socket, server)
      await finish(socket)
    })
  }
})

forEachBackend('clients of others and our server with somebody between', (backend) => {
  for (const version of versions) {
    it(`a ${version} client that dies at any stage of its handshake disturbs nobody else`, async () => {
      await using server = await serve(backend)
      const settled = await connectTo(backend, server.port, { trustStore: identities.trustStore })
      const answering = await server.accepted()
      await using between = await Intermediary.start(server.port)
      const whole = nodeClient(between.port, version)
      const accepted = await server.accepted()
      const flight = between.passedToServer
      whole.destroy()
      await finish(accepted)
      const places = cuttingPlaces(flight)
      assert.ok(places.length > 10, `${places}`)
      await leavesNothing(async () => {
        for (const ending of endings) {
          for (const passBytes of places) {
            between.toServer = { passBytes, ending }
            const client = nodeClient(between.port, version)
            const error = await server.refused()
            assertCutOff(error, ending, `after ${passBytes} of ${flight.byteLength} bytes`)
            client.destroy()
          }
        }
      })
      answering.write('still here\n')
      await receives(settled, 'still here\n')
      answering.resume()
      await finish(settled)
    })

    it(`openssl s_client over ${version} whose bytes come one by one is one like any other`, async () => {
      await using server = await serve(backend)
      await using between = await Intermediary.start(server.port)
      between.toClient = { byteByByte: true }
      between.toServer = { byteByByte: true }
      await using client = startSClient(identities, between.port, [onlyVersion[version]])
      const socket = await server.accepted()
      await exchange(socket, client)
    })
  }

  function nodeClient(port: number, version: (typeof versions)[number]): ReturnType<typeof connectNodeTLS> {
    const client = connectNodeTLS({
      host: '127.0.0.1',
      port,
      servername: hostName,
      // It is about the bytes on their way; who the server is has been tried elsewhere.
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    })
    return client.on('error', () => {})
  }
})

function serve(backend: Backend): Promise<OwnServer> {
  return OwnServer.start(backend, { certificateChain: [identities.server().signingChain] })
}
