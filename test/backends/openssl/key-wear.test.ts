import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { only } from '../../support/backends.ts'
import { connectionOf } from '../../support/connection.ts'
import { matching } from '../../support/identities.ts'
import { OpenSSLWorkshop } from '../../support/openssl-workshop.ts'

describe('keys that are worn out', () => {
  for (const [version, expected] of [
    ['TLSv1.3', 3],
    ['TLSv1.2', 0],
  ] as const) {
    it(`${version}: are changed ${expected} times by 30 records, where each may seal ten`, async () => {
      const workshop = new OpenSSLWorkshop('embedded', { recordsPerKey: 10 })
      const { client, server } = await matching()
      using connection = await connectionOf({
        client: workshop.clientContext(new TLSClientConfiguration({ ...client, ...only(version) })),
        server: workshop.serverContext(new TLSServerConfiguration(server)),
      }).establish()
      const updates = workshop.count('SSL_key_update')
      for (let count = 0; count < 30; count++) {
        assert.equal(String(connection.transfer('client', Buffer.from('a record'))), 'a record')
      }
      assert.equal(updates(), expected)
    })
  }
})
