/**
 * Fresh certificates, so that every example runs on any machine. A program of yours says where its own lie instead:
 * `{ leaf: Certificate.fromFile('server.pem'), key: PrivateKey.fromFile('server.key') }`.
 */

import { Certificate, PrivateKey, type SigningChain, TrustStore } from 'polytls'
import {
  type CertificateOptions,
  type MadeCertificate,
  makeAuthority,
  makeSelfSigned,
} from '#polytls/cli/certificates.js'

/** An authority: a trust store that trusts it alone, and chains that it signed. */
export interface Authority {
  readonly trustStore: TrustStore
  issue(options: CertificateOptions): Promise<SigningChain>
}

export async function createAuthority(name: string): Promise<Authority> {
  const authority = await makeAuthority({ name })
  return {
    trustStore: TrustStore.fromBuffer(authority.certificate),
    issue: async (options) => chainOf(await authority.issue(options)),
  }
}

/** What many devices show: a certificate that nobody but themselves vouches for. */
export async function createSelfSigned(options: CertificateOptions): Promise<SigningChain> {
  return chainOf(await makeSelfSigned(options))
}

function chainOf(made: MadeCertificate): SigningChain {
  return {
    leaf: Certificate.fromBuffer(made.certificate),
    key: PrivateKey.fromBuffer(made.key),
    chain: made.chain.map((pem) => Certificate.fromBuffer(pem)),
  }
}
