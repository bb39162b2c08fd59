import { decodePem } from '#polytls/codec/pem.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import { TLSError } from '#polytls/errors.js'
import type { VerificationProfile } from '#polytls/x509/conformance.js'
import { decodeRevocationList } from '#polytls/x509/revocation-list.js'
import { decodeTrustAnchors } from '#polytls/x509/trust-anchors.js'
import { verifyPath } from '#polytls/x509/verify-path.js'
import type { ChainVerifierUnderTest, LimboCase, Verdict } from './cases.ts'
import { deliberateAcceptances } from './deliberate.ts'

/** Our own verification, without a backend around it. */
export function portableVerifier(profile: VerificationProfile): ChainVerifierUnderTest {
  const crypto = createNodeCrypto()
  return {
    name: `portable, profile ${profile}`,
    deliberate: deliberateAcceptances(profile),
    verify: (limboCase) => verify(limboCase, profile, crypto),
  }
}

function verify(
  limboCase: LimboCase,
  profile: VerificationProfile,
  crypto: ReturnType<typeof createNodeCrypto>,
): Verdict {
  const { validation_kind, validation_time, expected_peer_name, max_chain_depth } = limboCase
  try {
    const lists = (limboCase.crls ?? []).map((pem) => decodeRevocationList(derOf(pem)))
    verifyPath({
      chain: [limboCase.peer_certificate, ...limboCase.untrusted_intermediates].map(derOf),
      anchors: decodeTrustAnchors(limboCase.trusted_certs.map(derOf)).anchors,
      crypto,
      purpose: validation_kind === 'SERVER' ? 'server-authentication' : 'client-authentication',
      timeMilliseconds: validation_time === null ? Date.now() : Date.parse(validation_time),
      serverName: expected_peer_name?.value,
      profile,
      mustSign: limboCase.key_usage.includes('digitalSignature'),
      ...(lists.length > 0 ? { revocation: { lists, missing: 'accept' } } : {}),
      ...(max_chain_depth === null ? {} : { maximumIntermediates: max_chain_depth }),
    })
    return 'accept'
  } catch (error) {
    if (!(error instanceof TLSError)) throw error
    return { reject: 'reason' in error ? `${error.reason}: ${error.message}` : error.message }
  }
}

function derOf(pem: string): Uint8Array {
  const [block] = decodePem(pem)
  if (block === undefined) throw new Error('a case has a certificate that is no PEM')
  return block.bytes
}
