import assert from 'node:assert/strict'
import { it } from 'node:test'
import { openssl, schannel, TrustStore } from 'polytls'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { chainOf } from '../backends/schannel/setting.ts'
import { connectionOf, contextsFor } from '../support/connection.ts'

/** Node's program for Windows exports not all of the OpenSSL that is in it: what is missing shows here. */
const what = "the backend openssl runs on the OpenSSL in Windows' Node, with sessions"
it(what, { skip: schannel.available.yes ? false : schannel.available.reason }, async () => {
  assert.deepEqual(openssl.available, { yes: true })
  const root = await makeAuthority({ name: 'Root', keyKind: 'rsa-2048' })
  const identity = await root.issue({ name: 'Server', names: ['server.test'] })
  const contexts = contextsFor(
    { clientBackend: openssl, serverBackend: openssl },
    {
      client: { trustStore: TrustStore.fromBuffer(root.certificate) },
      server: { certificateChain: [chainOf(identity)] },
    },
  )
  for (const resumed of [false, true]) {
    using connection = await connectionOf(contexts).establish()
    assert.equal(connection.client.facts.resumed, resumed)
    assert.equal(connection.transfer('server', Buffer.from('and a ticket')).toString(), 'and a ticket')
  }
})
