// HTTP through the libraries that are there already: a server of node:http, and clients with undici, an agent of node:https, and HTTP/2.
import { once } from 'node:events'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { portable } from 'polytls'
import { createHTTP2Server, http2Connection } from 'polytls/http2'
import { HTTPSAgent } from 'polytls/https'
import { undiciConnector } from 'polytls/undici'
import { Agent, fetch } from 'undici'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'server', names: ['localhost'] })]
const server = createHTTP2Server({ certificateChain, http2: { allowHTTP1: true } }, (request, response) => {
  response.end(`HTTP ${request.httpVersion}`)
})
server.listen(0, 'localhost')
await once(server, 'listening')
const url = `https://localhost:${(server.address() as AddressInfo).port}/`

// One configuration for all; any backend will do.
const setup = { trustStore: authority.trustStore, backend: portable }

const dispatcher = new Agent({ connect: undiciConnector({ ...setup, allowH2: true }) })
console.log('undici:', await (await fetch(url, { dispatcher })).text())
await dispatcher.close()

const agent = new HTTPSAgent(setup, { keepAlive: true })
const [response] = await once(https.get(url, { agent }), 'response')
console.log('node:https:', String(await once(response, 'data')))
agent.destroy()

const session = http2.connect(url, { createConnection: http2Connection(setup) })
const stream = session.request({ ':path': '/' })
console.log('node:http2:', String(await once(stream, 'data')))
session.close()

// A refused certificate is the error of the request.
const wary = new Agent({ connect: undiciConnector({ trustStore: (await createAuthority('Another CA')).trustStore }) })
await fetch(url, { dispatcher: wary }).catch(({ cause }) => console.log('refused:', cause.name, cause.reason))
await wary.close()
server.close()

// Prints:
// undici: HTTP 2.0
// node:https: HTTP 1.1
// node:http2: HTTP 2.0
// refused: CertificateError unknown-issuer
