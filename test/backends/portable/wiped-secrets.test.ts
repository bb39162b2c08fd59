import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Certificate,
  PrivateKey,
  type Session,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TLSVersion,
  TrustStore,
} from 'polytls'
import { PortableBackend } from '#polytls/backends/portable/backend.js'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'

const authority = await makeAuthority({ name: 'test authority' })
const identity = await authority.issue({ name: 'server', names: ['server.test'] })

/** What each end of a connection needs, for as long as it lasts. */
const lastingLabels = ['tls13 c ap traffic', 'tls13 exp master', 'tls13 res master', 'tls13 s ap traffic']

for (const version of [TLSVersion.TLSv1_3, TLSVersion.TLSv1_2]) {
  describe(`secrets of ${version}`, () => {
    const lasting = version === TLSVersion.TLSv1_2 ? [] : lastingLabels.flatMap((label) => [label, label])
    for (const kind of ['full', 'resumed'] as const) {
      it(`are gone wherever a ${kind} handshake is given up`, () => {
        const most = flightsOf(new Pair(version, kind))
        for (let flights = 0; flights <= most; flights++) {
          const pair = new Pair(version, kind)
          for (let made = 0; made < flights; made++) pair.exchange()
          assert.equal(pair.isDone, flights === most)
          pair.dispose()
          assert.deepEqual(pair.leftSecrets(), [], `behind ${flights} flights`)
        }
      })

      it(`are gone wherever a ${kind} handshake fails`, () => {
        const most = flightsOf(new Pair(version, kind))
        for (let flights = 1; flights < most; flights++) {
          const pair = new Pair(version, kind)
          for (let made = 0; made < flights; made++) pair.exchange()
          pair.fail()
          assert.deepEqual(pair.leftSecrets(), [], `behind ${flights} flights`)
        }
      })

      it(`of a ${kind} handshake are gone once it is done, but for those of the connection`, () => {
        const pair = new Pair(version, kind)
        while (!pair.isDone) pair.exchange()
        const left = pair.leftSecrets().sort()
        assert.deepEqual(left, ['aes-128-gcm key', 'aes-128-gcm key', 'aes-128-gcm key', 'aes-128-gcm key', ...lasting])
        pair.dispose()
        assert.deepEqual(pair.leftSecrets(), [])
      })
    }
  })
}

/** A server and a client that note what is derived in a connection of theirs. */
class Pair {
  readonly #secrets: { readonly what: string; readonly bytes: Uint8Array }[] = []
  readonly #client: TLSBuffer
  readonly #server: TLSBuffer
  isDone = false

  constructor(version: TLSVersion, kind: 'full' | 'resumed') {
    const crypto = this.#noting(createNodeCrypto())
    const backend = new PortableBackend({ name: 'noting', crypto: () => crypto, now: Date.now })
    // Tickets are sealed with another cipher.
    const ciphers = [version === TLSVersion.TLSv1_3 ? 0x1301 : 0xc02b]
    const shared = { ciphers, lowestSupportedVersion: version, highestSupportedVersion: version }
    const serverContext = backend.serverContext(
      new TLSServerConfiguration({
        ...shared,
        certificateChain: [
          { leaf: Certificate.fromBuffer(identity.certificate), key: PrivateKey.fromBuffer(identity.key) },
        ],
      }),
    )
    const clientContext = backend.clientContext(
      new TLSClientConfiguration({ ...shared, trustStore: TrustStore.fromBuffer(authority.certificate) }),
    )
    let session: Session | undefined
    if (kind === 'resumed') {
      const [client, server] = [clientContext.createBuffer('server.test'), serverContext.createBuffer()]
      while (!exchange(client, server));
      client.read(1)
      session = client.takeSessions()[0]
      assert.ok(session !== undefined)
      client[Symbol.dispose]()
      server[Symbol.dispose]()
    }
    // What tickets are sealed with stays.
    this.#secrets.length = 0
    this.#client = clientContext.createBuffer('server.test', { session })
    this.#server = serverContext.createBuffer()
  }

  exchange(): void {
    this.isDone = exchange(this.#client, this.#server)
  }

  /** Each end is sent what nobody sends. */
  fail(): void {
    for (const end of [this.#client, this.#server]) {
      end.processIncoming(Uint8Array.of(99, 3, 3, 0, 1, 0))
      assert.throws(() => {
        for (;;) if (end.handshake() === 'done') end.read(1)
      })
    }
  }

  dispose(): void {
    this.#client[Symbol.dispose]()
    this.#server[Symbol.dispose]()
  }

  /** What has not been overwritten, by how it was made. */
  leftSecrets(): string[] {
    return this.#secrets.filter(({ bytes }) => bytes.some((byte) => byte !== 0)).map(({ what }) => what)
  }

  #noting(crypto: CryptoProvider): CryptoProvider {
    const note = (what: string, bytes: Uint8Array): Uint8Array => {
      this.#secrets.push({ what, bytes })
      return bytes
    }
    return {
      ...crypto,
      hkdfExtract: (...input) => note('extract', crypto.hkdfExtract(...input)),
      hkdfExpand(algorithm, key, info, length) {
        const bytes = crypto.hkdfExpand(algorithm, key, info, length)
        const label = Buffer.from(info.subarray(3, 3 + (info[2] as number))).toString()
        // A nonce's constant part is no key. The key of a ticket goes to whoever holds the ticket.
        return label === 'tls13 iv' || label === 'tls13 resumption' ? bytes : note(label, bytes)
      },
      createAead(algorithm, key) {
        const aead = crypto.createAead(algorithm, key)
        if (algorithm !== 'aes-128-gcm') return aead
        const inUse = note(`${algorithm} key`, Uint8Array.of(1))
        return {
          algorithm,
          tagLength: aead.tagLength,
          seal: (...record) => aead.seal(...record),
          open: (...record) => aead.open(...record),
          wipe() {
            aead.wipe()
            inUse.fill(0)
          },
        }
      },
      acceptKeyShare(group, share) {
        const accepted = crypto.acceptKeyShare(group, share)
        if (accepted !== undefined) note('shared secret', accepted.sharedSecret)
        return accepted
      },
      generateKeyShare(group) {
        const share = crypto.generateKeyShare(group)
        return {
          ...share,
          agree(theirs) {
            const secret = share.agree(theirs)
            return secret && note('shared secret', secret)
          },
        }
      },
    }
  }
}

/** Lets each end do what it can, and hands what it says to the other; whether both are done. */
function exchange(client: TLSBuffer, server: TLSBuffer): boolean {
  const clientDone = client.handshake() === 'done'
  server.processIncoming(client.processOutgoing())
  const serverDone = server.handshake() === 'done'
  client.processIncoming(server.processOutgoing())
  return clientDone && serverDone
}

function flightsOf(pair: Pair): number {
  let flights = 0
  for (; !pair.isDone; flights++) pair.exchange()
  return flights
}
