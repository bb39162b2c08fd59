// A device with a self-signed certificate. Nothing insecure is needed: trust exactly that certificate.
import { CertificateError, connect, TrustStore } from 'polytls'
import { createSelfSigned } from './certificates.ts'
import { startEchoServer } from './echo-server.ts'

const device = await createSelfSigned({ name: 'printer', names: ['printer.local'] })
const { server, port } = await startEchoServer({ certificateChain: [device] })
const impostor = await createSelfSigned({ name: 'printer', names: ['printer.local'] })

// For yours, fetch the certificate once, compare its fingerprint with what the device displays, and keep it in a file.
const pinned = TrustStore.fromCertificates([device.leaf])
const other = TrustStore.fromCertificates([impostor.leaf])

const socket = await connect({ host: '127.0.0.1', port, serverName: 'printer.local', trustStore: pinned })
console.log('the pinned device:', socket.facts.verified ? 'verified' : 'not verified')
socket.end()

for (const [what, serverName, trustStore] of [
  ['another certificate of the same name', 'printer.local', other],
  ['another name', 'scanner.local', pinned],
] as const) {
  try {
    await connect({ host: '127.0.0.1', port, serverName, trustStore })
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error
    console.log(`${what}: ${error.reason}`)
  }
}
await server.shutdown()

// Prints:
// the pinned device: verified
// another certificate of the same name: self-signed
// another name: wrong-host
