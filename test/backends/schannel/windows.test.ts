import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import {
  AlertReceivedError,
  Certificate,
  type ClientOptions,
  connect,
  createSchannelBackend,
  createServer,
  NegotiationError,
  PrivateKey,
  portable,
  type ServerOptions,
  type SigningChain,
  schannel,
  TLSClientConfiguration,
  TrustStore,
} from 'polytls'
import { encodePKCS12 } from '#polytls/backends/schannel/pkcs12.js'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { chainOf, derOf } from './setting.ts'

/** On a real Windows, or on Wine. */
const { available, capabilities } = schannel
const notHere = available.yes ? false : available.reason
const noTLS13 = notHere || (capabilities.versions.includes('TLSv1.3') ? false : 'this Schannel does not offer TLS 1.3')
const only13 = { lowestSupportedVersion: 'TLSv1.3', highestSupportedVersion: 'TLSv1.3' } as const
const timeout = { handshakeTimeoutMilliseconds: 10_000 }

// RSA, because Wine imports no other keys, and does not verify every signature by ECDSA.
const rsa = { keyKind: 'rsa-2048' } as const

/** Asks an echo server in this process over TCP; answers what came back, and what was agreed. */
async function ask(client: ClientOptions, server: Partial<ServerOptions> = {}, backend = schannel) {
  const root = await makeAuthority({ name: 'Root', ...rsa })
  const trustStore = TrustStore.fromBuffer(root.certificate)
  const identity = await root.issue({ name: 'Server', names: ['localhost', '127.0.0.1'], ...rsa })
  const echo = createServer(
    { backend: portable, certificateChain: [chainOf(identity)], ...timeout, ...server },
    (socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    },
  )
  echo.on('tlsClientError', () => {})
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const { port } = echo.address() as AddressInfo
  try {
    const socket = await connect({ host: '127.0.0.1', port, backend, trustStore, ...timeout, ...client })
    socket.write('over TCP')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    const { facts } = socket
    socket.destroy()
    return { answer: answer.toString(), facts }
  } finally {
    echo.close()
  }
}

describe('Schannel over TCP', { skip: notHere }, () => {
  it('connects to an address, verifies it and carries data', async () => {
    const { answer, facts } = await ask({})
    assert.equal(answer, 'over TCP')
    assert.equal(facts.verified, true)
    assert.equal(facts.credentialStructure, 'SCH_CREDENTIALS')
  })

  it('shows a client certificate with an RSA key from PEM, and from PKCS #12', async () => {
    const root = await makeAuthority({ name: 'Clients', ...rsa })
    const made = await root.issue({ name: 'A Client', ...rsa })
    const key = createPrivateKey(made.key).export({ format: 'der', type: 'pkcs8' })
    const pfx = encodePKCS12({ leaf: derOf(made), issuers: [derOf(root)], key }, 'open sesame')
    const packed: SigningChain = {
      leaf: Certificate.fromBuffer(pfx),
      key: PrivateKey.fromBuffer(pfx, { passphrase: 'open sesame' }),
    }
    const server = { clientAuthentication: 'required', trustStore: TrustStore.fromBuffer(root.certificate) } as const
    for (const certificateChain of [chainOf(made), packed]) {
      assert.equal((await ask({ certificateChain }, server)).answer, 'over TCP')
    }
  })
})

describe('a server that demands TLS 1.3', { skip: noTLS13 }, () => {
  it('is reached', async () => {
    const { answer, facts } = await ask({}, only13)
    assert.equal(answer, 'over TCP')
    assert.equal(facts.version, 'TLSv1.3')
  })

  it('is not reached by the structure of older programs, and the error explains why', async () => {
    const old = createSchannelBackend({ name: 'schannel-legacy', credentials: 'legacy' })
    assert.match(old.version, /SCHANNEL_CRED/)
    await assert.rejects(ask({}, only13, old), (error) => {
      assert.ok(error instanceof NegotiationError || error instanceof AlertReceivedError, String(error))
      assert.equal(error.alert, 'protocol_version')
      assert.match(error.hint ?? '', /SCHANNEL_CRED end at TLS 1\.2; TLS 1\.3 needs SCH_CREDENTIALS/)
      return true
    })
    const [refusal] = old.explain(new TLSClientConfiguration({ lowestSupportedVersion: 'TLSv1.3' }))
    assert.match(refusal?.reason ?? '', /SCHANNEL_CRED end at TLS 1\.2.*Windows 11/)
  })
})
