// Errors say what happened, by a code and a reason that a program can use, and what to try.
import { CertificateError, connect, openssl, TLSClientConfiguration, TLSError, TLSVersion } from 'polytls'
import { createAuthority } from './certificates.ts'
import { startEchoServer } from './echo-server.ts'

const authority = await createAuthority('Example CA')
const { server, port } = await startEchoServer({
  certificateChain: [await authority.issue({ name: 'server', names: ['localhost'] })],
  lowestSupportedVersion: TLSVersion.TLSv1_3,
})

for (const options of [
  { trustStore: authority.trustStore, highestSupportedVersion: TLSVersion.TLSv1_2 },
  { trustStore: authority.trustStore, serverName: 'other.example' },
  { trustStore: (await createAuthority('Somebody else')).trustStore },
]) {
  try {
    await connect({ host: 'localhost', port, ...options })
  } catch (error) {
    if (!(error instanceof TLSError)) throw error
    // The message tells a person what happened, in words that may change; the code, and the reason below it, do not.
    const reason = error instanceof CertificateError ? error.reason : error.alert
    console.log(`${error.name}, ${error.code}, ${reason}`)
    console.log(`  hint: ${error.hint}`)
  }
}

// A configuration that a backend cannot honour is refused before anything is sent; `explain` gives all of the reasons at once.
const wish = new TLSClientConfiguration({ groups: [0xfe00], trustStore: authority.trustStore })
for (const { field, reason } of openssl.explain(wish)) console.log(`${field}: ${reason}`)
await server.shutdown()

// Prints:
// AlertReceivedError, ERR_TLS_ALERT_RECEIVED, protocol_version
//   hint: the peer does not speak the TLS versions that we offer: it may demand TLS 1.3 where we are held to TLS 1.2, or know only versions older than TLS 1.2
// CertificateError, ERR_TLS_CERTIFICATE, wrong-host
//   hint: connect to a name that the certificate is for, or say which one with serverName
// CertificateError, ERR_TLS_CERTIFICATE, unknown-issuer
//   hint: trust the authority that issued it (trustStore), or have the server send its intermediate certificates
// groups[0]: this OpenSSL does not have 0xfe00
