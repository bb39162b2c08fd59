import { disagreement } from '../../channel/disagreement.ts'
import type { CodePoint } from '../../config/registry.ts'
import { groupCode } from '../../crypto/algorithms.ts'
import { commonSuites, credentialsFor } from './client-choice.ts'
import type { ServerConnection } from './connection.ts'
import { isGroupOf12 } from './handshake12.ts'
import type { ClientHello } from './messages/client-hello.ts'
import type { Credential } from './setup.ts'
import { chooseScheme12, fitsSuite } from './signatures12.ts'
import type { SuiteParameters } from './suites.ts'

/** What a server of TLS 1.2 chose from a ClientHello. */
export interface Choice12 {
  readonly suite: SuiteParameters
  readonly credential: Credential
  readonly scheme: CodePoint
  readonly group: CodePoint
}

/**
 * By our own preference of suites; the suite decides the kind of certificate. RFC 8422, Section 4: the curve of an EC certificate has
 * to be one that the client knows, like that of the key exchange.
 * @throws NegotiationError
 */
export function choose12(connection: ServerConnection, hello: ClientHello): Choice12 {
  const { settings } = connection.setup
  const group = chooseGroup(settings.groups, hello)
  const credentials = credentialsFor(connection, hello)
  const shared = commonSuites(settings.tls12Suites, hello)
  let fitting = false
  for (const suite of shared) {
    for (const credential of credentials) {
      if (!fitsSuite(credential.publicKey.algorithm, suite) || !knowsCurve(hello, credential)) continue
      fitting = true
      // Without the extension a client means SHA-1 (RFC 5246, Section 7.4.1.4.1), which nobody should accept any more.
      const scheme = chooseScheme12(settings, credential, hello.extensions.signature_algorithms ?? [])
      if (scheme !== undefined) return { suite, credential, scheme, group }
    }
  }
  if (fitting) throw disagreement('signature-scheme', 'the client accepts no signature that our certificates can make')
  throw disagreement(
    'cipher-suite',
    shared.length === 0
      ? 'no cipher suite of TLS 1.2 in common with the client'
      : 'no certificate of ours goes with a cipher suite and a group of the client',
  )
}

function chooseGroup(own: readonly CodePoint[], hello: ClientHello): CodePoint {
  // A client that names no groups takes any, and secp256r1 surely: RFC 8422, Section 4.
  const offered = hello.extensions.supported_groups ?? [groupCode.secp256r1]
  const group = own.find((each) => isGroupOf12(each) && offered.includes(each))
  if (group === undefined) throw disagreement('group', 'no group of TLS 1.2 in common with the client')
  return group
}

function knowsCurve(hello: ClientHello, { publicKey }: Credential): boolean {
  const { algorithm } = publicKey
  const offered = hello.extensions.supported_groups
  return algorithm.type !== 'ec' || offered === undefined || offered.includes(groupCode[algorithm.curve])
}
