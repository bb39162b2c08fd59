import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { before, describe, it } from 'node:test'
import {
  Certificate,
  CertificateError,
  type ClientOptions,
  ConfigurationError,
  PrivateKey,
  portable,
  type ServerOptions,
  type SigningChain,
  schannel,
  TLSClientConfiguration,
  TrustStore,
} from 'polytls'
import { encodePKCS12 } from '#polytls/backends/schannel/pkcs12.js'
import { type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'
import { belongings, putIntoStore, removeStore, removeWineContainer, type Stored } from '../../scripts/windows-store.ts'
import { chainOf, derOf } from '../backends/schannel/setting.ts'
import { type Connection, connectionBetween } from '../support/connection.ts'

/** The stores of Windows themselves: what is put there is taken out again. RSA, because Wine imports no other keys. */
const rsa = { keyKind: 'rsa-2048' } as const
const notHere = schannel.available.yes ? false : schannel.available.reason
const noServer = notHere || (schannel.capabilities.roles.includes('server') ? false : 'this Schannel has no server')
/** Nobody else has certificates by such a name. */
const name = `polytls test ${process.pid}`

/**
 * What this user has. On Wine each file of tests is a user of its own, with a container by its name, which may come at any time: those of others
 * are left out.
 */
function ours(user: string | undefined): readonly string[] {
  const isOther = (each: string): boolean =>
    user !== undefined &&
    each.startsWith('container ') &&
    !/^container polytls-/.test(each) &&
    each !== `container ${user}`
  return belongings().filter((each) => !isOther(each))
}

const idOf = (where: string, { thumbprint }: Stored): string => `windows:${where}/My/thumbprint=${thumbprint}`
const chainBy = (id: string): SigningChain => ({ leaf: Certificate.fromId(id), key: PrivateKey.fromId(id) })

/** Why Schannel does not take a configuration with this certificate. */
function refusal(id: string): ConfigurationError {
  try {
    schannel.clientContext(new TLSClientConfiguration({ certificateChain: chainBy(id) }))
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return thrown
    throw thrown
  }
  assert.fail('it was taken')
}

describe('the stores of Windows', { skip: notHere }, () => {
  let root: MadeCertificate
  let stranger: MadeCertificate
  let made: MadeCertificate
  let stored: Stored
  const others: Stored[] = []
  let untouched: readonly string[]

  before(async () => {
    untouched = ours(removeWineContainer())
    root = await makeAuthority({ name: 'Root', ...rsa })
    stranger = await makeAuthority({ name: 'A Stranger', ...rsa })
    made = await root.issue({ name: `${name} alone`, names: ['server.test'], ...rsa })
    stored = putIntoStore(made)
  })

  /** The certificate stays where a test put it until all have run. */
  const put = (...values: Parameters<typeof putIntoStore>): Stored => {
    const each = putIntoStore(...values)
    others.push(each)
    return each
  }

  async function between(client: ClientOptions, server: Partial<ServerOptions> = {}): Promise<Connection> {
    const identity = await root.issue({ name: 'Server', names: ['server.test'], ...rsa })
    const trustStore = TrustStore.fromBuffer(root.certificate)
    return connectionBetween(
      { clientBackend: schannel, serverBackend: portable },
      { client: { trustStore, ...client }, server: { certificateChain: [chainOf(identity)], ...server } },
    ).establish()
  }

  /** That the server sees and verifies what lies under the id, and that both speak with each other. */
  async function shows(id: string, expected: MadeCertificate = made): Promise<void> {
    const trustStore = TrustStore.fromBuffer(root.certificate)
    using connection = await between(
      { certificateChain: chainBy(id) },
      { clientAuthentication: 'required', trustStore },
    )
    assert.equal(connection.server.facts.verified, true)
    assert.deepEqual(connection.server.facts.peerCertificate, new Uint8Array(derOf(expected)))
    assert.equal(connection.transfer('client', Buffer.from('it is me')).toString(), 'it is me')
    assert.equal(connection.transfer('server', Buffer.from('it is you')).toString(), 'it is you')
  }

  it('a client shows a certificate by its thumbprint, and proves the key that lies there', () =>
    shows(idOf('CurrentUser', stored)))

  it('the thumbprint may stand as certificate managers show it', () => {
    const spaced = stored.thumbprint.toUpperCase().replace(/..(?=.)/g, '$& ')
    return shows(`windows:currentuser/my/thumbprint=${spaced}`)
  })

  it('a client shows a certificate by a part of its subject', () =>
    shows(`windows:CurrentUser/My/subject=${name.toUpperCase()} al`))

  it('a client shows a certificate of the machine', async () => {
    const ofMachine = await root.issue({ name: `${name} of the machine`, ...rsa })
    await shows(idOf('LocalMachine', put(ofMachine, { location: 'LocalMachine' })), ofMachine)
  })

  it('a server shows a certificate by its thumbprint', { skip: noServer }, async () => {
    using connection = connectionBetween(
      { clientBackend: portable, serverBackend: schannel },
      {
        client: { trustStore: TrustStore.fromBuffer(root.certificate) },
        server: { certificateChain: [chainBy(idOf('CurrentUser', stored))] },
      },
    )
    await connection.establish()
    assert.deepEqual(connection.client.facts.peerCertificate, new Uint8Array(derOf(made)))
    assert.equal(connection.transfer('client', Buffer.from('to a key in a store')).toString(), 'to a key in a store')
  })

  it('a thumbprint that is not there is refused', () => {
    const { field, message } = refusal(`windows:CurrentUser/My/thumbprint=${'0'.repeat(40)}`)
    assert.equal(field, 'certificateChain.leaf')
    assert.match(message, /no certificate fits 'windows:CurrentUser\/My\/thumbprint=0{40}'/)
  })

  it('a store that is not there is refused', () => {
    const { field, message } = refusal(`windows:CurrentUser/${name}/subject=anything`)
    assert.equal(field, 'certificateChain.leaf')
    assert.match(message, /there is no store CurrentUser\//)
  })

  it('a subject that fits several is refused, and all are named', async () => {
    const both = []
    for (const which of ['old', 'new']) {
      both.push(put(await root.issue({ name: `${name} twice, ${which}`, ...rsa })))
    }
    const { field, message, hint } = refusal(`windows:CurrentUser/My/subject=${name} twice`)
    assert.equal(field, 'certificateChain.leaf')
    assert.match(message, /2 certificates fit/)
    for (const { thumbprint } of both) assert.ok(hint?.toLowerCase().includes(thumbprint), hint)
  })

  it('a certificate without a key is refused', async () => {
    const { certificate } = await root.issue({ name: `${name} without a key`, ...rsa })
    const { field, message } = refusal(idOf('CurrentUser', put({ certificate })))
    assert.equal(field, 'certificateChain.key')
    assert.match(message, /the key of 'windows:.*' cannot be used: CRYPT_E_NO_KEY_PROPERTY \(0x8009200b\)/)
  })

  it('a certificate whose key has gone is refused', async () => {
    const orphan = putIntoStore(await root.issue({ name: `${name} whose key has gone`, ...rsa }))
    orphan.removeKey()
    try {
      assert.equal(refusal(idOf('CurrentUser', orphan)).field, 'certificateChain.key')
    } finally {
      orphan.remove()
    }
  })

  it('a trust store by its id trusts what lies in it, and nothing else', async () => {
    const store = `polytls-test-${process.pid}`
    const authority = putIntoStore({ certificate: root.certificate }, { store })
    try {
      const trustStore = TrustStore.fromId(`windows:CurrentUser/${store}`)
      using connection = await between({ trustStore })
      assert.equal(connection.client.facts.verified, true)
      const foreign = await stranger.issue({ name: 'Server', names: ['server.test'], ...rsa })
      await assert.rejects(between({ trustStore }, { certificateChain: [chainOf(foreign)] }), (error) => {
        assert.ok(error instanceof CertificateError, String(error))
        assert.equal(error.reason, 'unknown-issuer')
        return true
      })
    } finally {
      authority.remove()
      removeStore(store)
    }
    assert.throws(
      () =>
        schannel.clientContext(
          new TLSClientConfiguration({ trustStore: TrustStore.fromId(`windows:CurrentUser/${store}`) }),
        ),
      ConfigurationError,
    )
  })

  it('a key from PEM or PKCS #12 leaves nothing behind, except on Wine one container, the same for all', async () => {
    const user = removeWineContainer()
    const before = ours(user)
    const key = createPrivateKey(made.key).export({ format: 'der', type: 'pkcs8' })
    const pfx = encodePKCS12({ leaf: derOf(made), issuers: [derOf(root)], key }, 'open sesame')
    const packed = {
      leaf: Certificate.fromBuffer(pfx),
      key: PrivateKey.fromBuffer(pfx, { passphrase: 'open sesame' }),
    }
    for (const certificateChain of [chainOf(made), packed]) {
      using connection = await between(
        { certificateChain },
        { clientAuthentication: 'required', trustStore: TrustStore.fromBuffer(root.certificate) },
      )
      assert.equal(connection.server.facts.verified, true)
      assert.deepEqual(ours(user), user === undefined ? before : [...before, `container ${user}`].sort())
    }
    removeWineContainer()
  })

  it('what a test puts there is taken away again', () => {
    for (const each of [stored, ...others]) each.remove()
    assert.deepEqual(ours(removeWineContainer()), untouched)
  })
})
