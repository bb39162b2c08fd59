import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { Certificate, createServer, PrivateKey, portable, schannel, type TLSServer } from 'polytls'
import { type Files, makeFiles, type Outcome, polytls } from '../cli/command.ts'
import { nodeTLSServer, type Peer } from '../cli/peers.ts'

/**
 * The case that this project began with: programs on Windows do not reach a broker that enforces TLS 1.3, because they fill a structure
 * that ends at TLS 1.2.
 */
const needsTLS13 = schannel.available.yes && schannel.capabilities.versions.includes('TLSv1.3')

describe('a server that enforces TLS 1.3', { skip: needsTLS13 ? false : 'this Schannel ends at TLS 1.2' }, () => {
  let files: Files
  let ofNode: Peer
  let ofPortable: TLSServer
  before(async () => {
    files = await makeFiles()
    const made = await files.authority.issue({ name: 'localhost', names: ['localhost', '127.0.0.1'] })
    ofNode = await nodeTLSServer(made, { minVersion: 'TLSv1.3' })
    const certificateChain = [{ leaf: Certificate.fromBuffer(made.certificate), key: PrivateKey.fromBuffer(made.key) }]
    ofPortable = createServer({ backend: portable, certificateChain, lowestSupportedVersion: 'TLSv1.3' }, (socket) => {
      socket.on('error', () => {})
      socket.end()
    })
    ofPortable.listen(0, '127.0.0.1')
    await once(ofPortable, 'listening')
  })
  after(async () => {
    await ofNode.close()
    await ofPortable[Symbol.asyncDispose]()
    files.remove()
  })

  const connect = (port: number, backend: string): Promise<Outcome> =>
    polytls(['connect', `127.0.0.1:${port}`, '--ca', files.ca, '--backend', backend, '--json'])
  const servers: readonly (readonly [string, () => number])[] = [
    ['OpenSSL', () => ofNode.port],
    ['portable', () => (ofPortable.address() as AddressInfo).port],
  ]

  for (const [name, port] of servers) {
    it(`of ${name} is reached by schannel`, async () => {
      const { code, stdout, stderr } = await connect(port(), 'schannel')
      assert.equal(code, 0, stdout + stderr)
      const report = JSON.parse(stdout) as { backend: string; version: string; verified: boolean }
      assert.deepEqual([report.backend, report.version, report.verified], ['schannel', 'TLSv1.3', true])
    })

    it(`of ${name} is not reached by the old structure, and the error explains it`, async () => {
      const { code, stdout } = await connect(port(), 'schannel-legacy')
      assert.equal(code, 4, stdout)
      const { error } = JSON.parse(stdout) as { error: { message: string; hint: string | null } }
      assert.match(`${error.message} ${error.hint}`, /SCHANNEL_CRED end(?:s)? at TLS 1\.2/)
      assert.match(`${error.message} ${error.hint}`, /SCH_CREDENTIALS, and Windows 11, Windows Server 2022/)
    })
  }
})

describe('a Schannel that ends at TLS 1.2', { skip: needsTLS13 ? 'this one does not' : false }, () => {
  it('refuses a demand for TLS 1.3 before it connects, and says which Windows would do', async () => {
    const { code, stdout } = await polytls([
      'connect',
      '127.0.0.1:1',
      '--min',
      '1.3',
      '--backend',
      'schannel',
      '--json',
    ])
    assert.equal(code, 2, stdout)
    assert.match((JSON.parse(stdout) as { error: { message: string } }).error.message, /Windows 11/)
  })
})

it('the old structure refuses a demand for TLS 1.3 before it connects', async () => {
  const { code, stdout } = await polytls([
    ...['connect', '127.0.0.1:1', '--min', '1.3', '--backend', 'schannel-legacy', '--json'],
  ])
  assert.equal(code, 2, stdout)
  assert.match((JSON.parse(stdout) as { error: { message: string } }).error.message, /SCHANNEL_CRED end at TLS 1\.2/)
})
