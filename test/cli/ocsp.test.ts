import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Certificate, PrivateKey } from 'polytls'
import { hostName } from '../support/identities.ts'
import { StapledIdentity } from '../support/stapled-identities.ts'
import { type Files, makeFiles, polytls, serve } from './command.ts'

const identity = new StapledIdentity()

describe('stapled states on the command line', () => {
  let files: Files
  let response: string
  let own: readonly string[]
  let ca: readonly string[]

  before(async () => {
    files = await makeFiles()
    const write = (name: string, content: Uint8Array): string => {
      const path = join(files.folder, name)
      writeFileSync(path, content)
      return path
    }
    response = write('response.der', identity.status())
    const { leaf, key } = identity.chain()
    own = ['--cert', write('leaf.der', bytesOf(leaf)), '--key', write('key.pem', bytesOf(key))]
    const { source } = identity.trustStore
    assert.ok(source.kind === 'certificates')
    ca = ['--ca', write('root.der', bytesOf(source.certificates[0] as Certificate))]
  })
  after(() => files.remove())

  it('serve staples what is in the file at the time, and connect judges it', async () => {
    const server = await serve([...own, '--ocsp', response])
    try {
      const to = ['connect', `127.0.0.1:${server.port}`, '--sni', hostName, ...ca, '--json']
      for (const policy of ['soft', 'hard']) {
        const { code, stdout } = await polytls([...to, '--ocsp', policy])
        assert.deepEqual([code, JSON.parse(stdout).ocsp], [0, 'good'], stdout)
      }
      const unasked = await polytls(to)
      assert.deepEqual([unasked.code, JSON.parse(unasked.stdout).ocsp], [0, null])
      const forPeople = await polytls([...to.slice(0, -1), '-n', '--ocsp', 'soft'])
      assert.match(forPeople.stdout, /stapled +OCSP: good/)

      writeFileSync(response, identity.status({ status: { revoked: '2024-06-01' } }))
      const revoked = await polytls([...to, '--ocsp', 'soft'])
      assert.equal(revoked.code, 5)
      assert.match(revoked.stdout, /revoked/)
    } finally {
      await server.stop()
    }
  })

  it('without one, hard refuses and soft does not', async () => {
    const server = await serve(own)
    try {
      const to = ['connect', `127.0.0.1:${server.port}`, '--sni', hostName, ...ca, '--json', '--ocsp']
      const soft = await polytls([...to, 'soft'])
      assert.deepEqual([soft.code, JSON.parse(soft.stdout).ocsp], [0, null])
      const hard = await polytls([...to, 'hard'])
      assert.equal(hard.code, 5)
    } finally {
      await server.stop()
    }
  })

  it('what cannot be is said before anything listens or connects', async () => {
    const missing = await polytls(['serve', '--port', '0', ...own, '--ocsp', join(files.folder, 'missing')])
    assert.equal(missing.code, 2)
    assert.match(missing.stderr, /--ocsp: .*no\s+such file/)
    const policy = await polytls(['connect', 'localhost', '--ocsp', 'never'])
    assert.equal(policy.code, 2)
    assert.match(policy.stderr, /soft, hard/)
  })
})

function bytesOf({ source }: Certificate | PrivateKey): Uint8Array {
  assert.ok(source.kind === 'buffer')
  return source.bytes
}
