import assert from 'node:assert/strict'
import { it } from 'node:test'
import { ConfigurationError, type NegotiatedVersion, TLSClientConfiguration } from 'polytls'
import { forEachPair, forEachVersion, has } from '../support/backends.ts'
import { connectionBetween, type Side, step } from '../support/connection.ts'
import { matching } from '../support/identities.ts'

/** The labels that RFC 9850 has for what this library agrees on. */
const labels: { readonly [V in NegotiatedVersion]: readonly string[] } = {
  'TLSv1.2': ['CLIENT_RANDOM'],
  'TLSv1.3': [
    'CLIENT_HANDSHAKE_TRAFFIC_SECRET',
    'CLIENT_TRAFFIC_SECRET_0',
    'EXPORTER_SECRET',
    'SERVER_HANDSHAKE_TRAFFIC_SECRET',
    'SERVER_TRAFFIC_SECRET_0',
  ],
}

forEachPair('key log', (pairing) => {
  for (const [side, backend] of [
    ['client', pairing.clientBackend],
    ['server', pairing.serverBackend],
  ] as const) {
    if (has(backend, 'key-log')) continue
    it(`the ${side}, which has none, refuses keyLog by name`, async () => {
      const { client } = await matching()
      assert.throws(
        () => backend.clientContext(new TLSClientConfiguration({ ...client, keyLog: () => {} })),
        (error) => error instanceof ConfigurationError && error.field === 'keyLog',
      )
    })
  }
  if (!has(pairing.clientBackend, 'key-log') || !has(pairing.serverBackend, 'key-log')) return

  forEachVersion(pairing, (version, bounds) => {
    it(`${version}: both sides log the same secrets, each once, under the labels of RFC 9850`, async () => {
      const { client, server } = await matching()
      const lines: { readonly [S in Side]: string[] } = { client: [], server: [] }
      using connection = connectionBetween(pairing, {
        client: { ...client, ...bounds, keyLog: (line) => lines.client.push(line) },
        server: { ...server, keyLog: (line) => lines.server.push(line) },
      })
      await connection.establish()
      for (const side of ['client', 'server'] as const) {
        const logged = lines[side].map((line) => line.split(' ')[0] as string).sort()
        assert.deepEqual(logged, labels[version])
        for (const line of lines[side]) assert.match(line, /^[A-Z0-9_]+ [0-9a-f]{64} [0-9a-f]{64,96}$/)
      }
      assert.deepEqual(lines.client.sort(), lines.server.sort())
    })

    it(`${version}: secrets of two connections do not mix`, async () => {
      const { client, server } = await matching()
      const lines: string[] = []
      const options = { client: { ...client, ...bounds, keyLog: (line: string) => lines.push(line) }, server }
      using first = await connectionBetween(pairing, options).establish()
      const count = lines.length
      using second = await connectionBetween(pairing, options).establish()
      assert.equal(first.client.facts.version, second.client.facts.version)
      assert.equal(lines.length, 2 * count)
      const randoms = new Set(lines.map((line) => line.split(' ')[1]))
      assert.equal(randoms.size, 2)
    })

    for (const side of ['client', 'server'] as const) {
      it(`${version}: a keyLog of the ${side} that throws fails the channel with what it threw`, async () => {
        const { client, server } = await matching()
        const failure = new Error('the disk is full')
        const keyLog = (): never => {
          throw failure
        }
        using connection = connectionBetween(pairing, {
          client: { ...client, ...bounds, ...(side === 'client' && { keyLog }) },
          server: { ...server, ...(side === 'server' && { keyLog }) },
        })
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
      })
    }
  })
})
