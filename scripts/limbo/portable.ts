import { decodePem } from '#polytls/codec/pem.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'
import { TLSError } from '#polytls/errors.js'
import type { VerificationProfile } from '#polytls/x509/conformance.js'
import { decodeRevocationList } from '#polytls/x509/revocation-list.js'
import { decodeTrustAnchors } from '#polytls/x509/trust-anchors.js'
import { verifyPath } from '#polytls/x509/verify-path.js'
import type { ChainVerifierUnderTest, LimboCase, Verdict } from './cases.ts'
import { deliberateAcceptances } from './deliberate.ts'

/** Our own verification, without a backend around it. */
export function portableVerifier(profile: VerificationProfile, provider: 'node' | 'noble'): ChainVerifierUnderTest {
  const crypto = provider === 'node' ? createNodeCrypto() : createNobleCrypto()
  return {
    name: `portable with ${crypto.name}, profile ${profile}`,
    deliberate: deliberateAcceptances(profile),
    verify: (limboCase) => verify(limboCase, profile, crypto),
  }
}

function verify(limboCase: LimboCase, profile: VerificationProfile, crypto: CryptoProvider): Verdict {
  const { validation_kind, validation_time, expected_peer_name, max_chain_depth } = limboCase
  try {
    const lists = limboCase.crls.map((pem) => decodeRevocationList(derOf(pem)))
    verifyPath({
      chain: [limboCase.peer_certificate, ...limboCase.untrusted_intermediates].map(derOf),
      anchors: decodeTrustAnchors(limboCase.trusted_certs.map(derOf)).anchors,
      crypto,
      purpose: validation_kind === 'SERVER' ? 'server-authentication' : 'client-authentication',
      timeMilliseconds: validation_time,
      serverName: expected_peer_name,
      profile,
      mustSign: limboCase.key_usage.includes('digitalSignature'),
      ...(lists.length > 0 ? { revocation: { lists, missing: 'accept' } } : {}),
      ...(max_chain_depth === undefined ? {} : { maximumIntermediates: max_chain_depth }),
    })
    return 'accept'
  } catch (error) {
    if (!(error instanceof TLSError)) throw error
    return { reject: 'reason' in error ? `${error.reason}: ${error.message}` : error.message }
  }
}

/** What is no PEM is taken as it is, to be refused by whoever decodes it. */
function derOf(pem: string): Uint8Array {
  return decodePem(pem)[0]?.bytes ?? new TextEncoder().encode(pem)
}
