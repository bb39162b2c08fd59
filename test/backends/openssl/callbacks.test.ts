import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { AlertReceivedError, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { StepAnswers } from '#polytls/backends/openssl/step-answers.js'
import { type Contexts, connectionOf, step } from '../../support/connection.ts'
import {
  authority,
  clientIdentity,
  matching,
  serverIdentity,
  signingChain,
  trusting,
} from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

/** More than koffi has slots for callbacks. */
const manyMoreThanSlots = 10_000

describe('callbacks of OpenSSL', () => {
  const workshop = new OpenSSLWorkshop()

  const contexts = async (bounds: object = {}): Promise<Contexts> => {
    const { client, server } = await matching()
    const other = await (await authority()).issue({ name: 'Other', names: ['other.test'] })
    return {
      client: workshop.clientContext(
        new TLSClientConfiguration({
          ...client,
          ...bounds,
          innerProtocols: ['inner'],
          keyLog: () => {},
          verifyPeer: () => ({ accept: true }),
          certificateChain: signingChain(await clientIdentity()),
        }),
      ),
      server: workshop.serverContext(
        new TLSServerConfiguration({
          // The one that fits is the second, so that the choice by name has something to do.
          certificateChain: [signingChain(other), ...server.certificateChain],
          innerProtocols: ['inner'],
          keyLog: () => {},
          verifyPeer: () => ({ accept: true }),
          clientAuthentication: 'required',
          trustStore: trusting(await authority()),
        }),
      ),
    }
  }

  it(`${manyMoreThanSlots} channels with every kind of callback do not use up koffi's slots`, async () => {
    const pair = await contexts()
    for (let index = 0; index < manyMoreThanSlots; index++) {
      using connection = connectionOf(pair)
      const { client } = connection.advance()
      assert.equal(client, 'paused')
    }
    using last = await connectionOf(pair).establish()
    assert.equal(last.client.facts.innerProtocol, 'inner')
  })

  it(`${manyMoreThanSlots} contexts do not either`, async () => {
    const trustStore = trusting(await authority())
    const configuration = new TLSClientConfiguration({
      trustStore,
      innerProtocols: ['inner'],
      keyLog: () => {},
      verifyPeer: () => ({ accept: true }),
    })
    for (let index = 0; index < manyMoreThanSlots; index++) workshop.clientContext(configuration)
    const server = workshop.serverContext(
      new TLSServerConfiguration({ certificateChain: [signingChain(await serverIdentity())] }),
    )
    using connection = await connectionOf({ client: workshop.clientContext(configuration), server }).establish()
    assert.equal(connection.client.facts.verified, true)
  })

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const bounds = { lowestSupportedVersion: version, highestSupportedVersion: version }

    for (const [method, side] of [
      ['selectProtocol', 'server'],
      ['chooseByServerName', 'server'],
      ['verifyChain', 'client'],
      ['verifyChain', 'server'],
      ['logKey', 'client'],
      ['logKey', 'server'],
    ] as const) {
      it(`${version}: ${method} of a ${side} that throws accepts nothing, and what it threw comes out of the step`, async () => {
        const pair = await contexts(bounds)
        using connection = connectionOf(pair)
        const failure = new Error(`${method} broke`)
        const { [method]: original } = StepAnswers.prototype as unknown as Record<
          string,
          (...values: unknown[]) => unknown
        >
        const broken = mock.method(StepAnswers.prototype, method, function (this: StepAnswers, ...values: unknown[]) {
          if (this.engine.isServer === (side === 'server')) throw failure
          return original?.apply(this, values)
        } as never)
        try {
          const endings = await connection.negotiate()
          assert.equal(endings[side], failure)
          assert.equal(
            step<unknown>(() => connection[side].handshake()),
            failure,
          )
          assert.equal(
            step<unknown>(() => connection[side].write(Buffer.from('x'))),
            failure,
          )
          assert.equal(connection[side].facts.verified, false)
          assert.equal(workshop.waitingError(), undefined)
          const other = side === 'client' ? 'server' : 'client'
          // A line for the key log is no decision, so nothing needs to be refused by alert.
          if (method !== 'logKey') assert.ok(endings[other] instanceof AlertReceivedError, String(endings[other]))
        } finally {
          broken.mock.restore()
        }
        using next = await connectionOf(pair).establish()
        assert.equal(next.server.facts.verified, true)
      })
    }
  }
})
