// Redis with ioredis over our TLS; a store of a few lines stands for the server. A second client trusts somebody else, and is not talked to.
import { once } from 'node:events'
import * as net from 'node:net'
import { Redis } from 'ioredis'
import { CertificateError } from 'polytls'
import { ioredisConnector } from 'polytls/ioredis'
import { secureServer } from 'polytls/servers'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const certificateChain = [await authority.issue({ name: 'redis', names: ['localhost'] })]

// A real one is redis-server with --tls-port, --tls-cert-file and --tls-key-file.
const values = new Map<string, string>()
const server = net.createServer((socket) => {
  socket.on('data', (commands) => {
    // Each command is an array of strings, each behind its length; these come whole and hold no line breaks.
    for (const command of String(commands)
      .split(/^\*\d+\r\n/m)
      .slice(1)) {
      const [name = '', key = '', value = ''] = command.split('\r\n').filter((_, index) => index % 2 === 1)
      if (name.toLowerCase() === 'set') values.set(key, value)
      const found = name.toLowerCase() === 'get' ? values.get(key) : 'OK'
      socket.write(found === undefined ? '$-1\r\n' : `$${found.length}\r\n${found}\r\n`)
      if (name.toLowerCase() === 'quit') socket.end()
    }
  })
})
secureServer(server, { certificateChain })
server.listen(0, 'localhost')
await once(server, 'listening')

const to = { host: 'localhost', port: (server.address() as net.AddressInfo).port }
const plain = { enableReadyCheck: false, disableClientInfo: true }

// `tls` stays unset: the connector brings TLS.
const redis = new Redis({ ...to, ...plain, Connector: ioredisConnector({ trustStore: authority.trustStore }) })
await redis.set('colour', 'green')
console.log('colour:', await redis.get('colour'))
await redis.quit()

const { trustStore } = await createAuthority('Another CA')
const Connector = ioredisConnector({ trustStore })
const wary = new Redis({ ...to, ...plain, Connector, retryStrategy: () => null })
const [error] = await once(wary, 'error')
if (error instanceof CertificateError) console.log('not believed:', error.reason)
server.close()

// Prints:
// colour: green
// not believed: unknown-issuer
