import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import {
  type Backend,
  type CodePoint,
  type CommonOptions,
  type ConnectionFacts,
  cipherSuiteName,
  isTLS13Suite,
  type NegotiatedVersion,
  namedGroupName,
  portable,
  signatureSchemeName,
} from 'polytls'
import { noble, only } from '../../support/backends.ts'
import { chainFor } from '../../support/elsewhere.ts'
import { trusting } from '../../support/identities.ts'
import { identityForScheme } from '../../support/scheme-identities.ts'
import { connectTo, finish, OwnServer, receives, versions } from './endpoints.ts'
import { commonGroups, type ParameterPeer } from './parameter-peers.ts'

// Some of these suites are too weak for all policies but one, which warns at every context.
process.removeAllListeners('warning')
const policy = 'leastSecure'

const folder = mkdtempSync(join(tmpdir(), 'polytls-parameters-'))
after(() => rmSync(folder, { recursive: true }))

/**
 * Defines tests of every suite with every group and every signature that a peer and the portable backend have, with either provider of
 * cryptography, in both roles. Some two thousand handshakes for each peer.
 */
export function testParameters(peer: ParameterPeer): void {
  for (const backend of [portable, noble]) {
    for (const version of versions) {
      for (const scheme of backend.capabilities.signatureSchemes) {
        const name = signatureSchemeName(scheme)
        if (version === 'TLSv1.3' && name.startsWith('rsa_pkcs1')) continue
        const combinations = combinationsFor(backend, version, name)

        describe(`${version} with ${name}, each suite and each group: ${backend.name}`, () => {
          it(`our client and a server of ${peer.name}`, async () => {
            const identity = await identityForScheme(scheme)
            await using server = await peer.startServer(version, folder, identity)
            for (const { suite, group, options } of combinations) {
              const socket = await connectTo(backend, server.port, {
                ...options,
                trustStore: trusting(identity),
                ciphers: [suite],
                signatureSchemes: [scheme],
              })
              socket.write('desserts\n')
              await receives(socket, `${peer.answer}\n`)
              assertAgreed(socket.facts, { version, cipherSuite: suite, group, signatureScheme: scheme })
              await finish(socket)
            }
          })

          it(`a client of ${peer.name} and our server`, async () => {
            const chain = chainFor(backend, await identityForScheme(scheme))
            for (const { suite, group, options } of combinations) {
              await using server = await OwnServer.start(backend, { ...options, certificateChain: [chain] })
              await using client = peer.startClient(version, server.port, { suite, groups: options.groups, scheme })
              const socket = await server.accepted()
              client.stdin.write('ping\n')
              await receives(socket, 'ping\n')
              assertAgreed(socket.facts, { version, cipherSuite: suite, group, signatureScheme: scheme })
              socket.end('pong\n')
              await client.reports(/^pong$/m)
              await client.reports(peer.prints(suite))
            }
          })
        })
      }
    }
  }
}

interface Combination {
  readonly suite: CodePoint
  readonly group: CodePoint
  /** What brings it about on our side, whichever side that is. */
  readonly options: CommonOptions & { readonly groups: readonly CodePoint[] }
}

function combinationsFor(backend: Backend, version: NegotiatedVersion, scheme: string): readonly Combination[] {
  const authentication = scheme.startsWith('rsa') ? /ECDHE_RSA/ : /ECDHE_ECDSA/
  const suites = backend.capabilities.ciphers.filter((suite) =>
    version === 'TLSv1.3' ? isTLS13Suite(suite) : authentication.test(cipherSuiteName(suite)),
  )
  assert.ok(suites.length >= 3)
  assert.ok(commonGroups.length >= 5)
  // In TLS 1.2 the groups say which curves a certificate may have, too: RFC 8422, Section 5.1.
  const curve = version === 'TLSv1.2' ? /^ecdsa_(\w+)_/.exec(scheme)?.[1] : undefined
  const ofCertificate = commonGroups.filter((group) => namedGroupName(group) === curve)
  return suites.flatMap((suite) =>
    commonGroups.map((group) => ({
      suite,
      group,
      options: { ...only(version), policy, groups: [...new Set([group, ...ofCertificate])] },
    })),
  )
}

function assertAgreed(facts: ConnectionFacts, expected: Partial<ConnectionFacts>): void {
  const { version, cipherSuite, group, signatureScheme } = facts
  assert.deepEqual({ version, cipherSuite, group, signatureScheme }, expected)
}
