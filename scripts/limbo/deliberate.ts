/**
 * The cases that our verification accepts although x509-limbo expects otherwise, each with its reason. `docs/verification.md` has the same
 * table for people; a test compares the list with what happens.
 */
export function deliberateAcceptances(profile: 'strict' | 'interoperable'): ReadonlyMap<string, string> {
  return profile === 'strict' ? ALWAYS : new Map([...ALWAYS, ...INTEROPERABLE])
}

const COMMON_NAME = 'the common name is not used for anything, so that nothing depends on its form'
const PUBLIC_SUFFIX = 'needs the public suffix list, which changes daily; it binds authorities, not clients'

const ALWAYS: ReadonlyMap<string, string> = new Map([
  [
    'rfc5280::nc::permitted-dns-match-noncritical',
    'contradicts webpki::nc::permitted-dns-match-noncritical; the constraints are enforced, critical or not',
  ],
  [
    'rfc5280::aki::cross-signed-root-missing-aki',
    'a trust anchor is trusted whoever signed it; cve::cve-2024-0567 expects such an anchor to be accepted',
  ],
  [
    'webpki::eku::ee-without-eku',
    'contradicts rfc5280::eku::ee-without-eku: without the extension any purpose is allowed',
  ],
  ['webpki::ca-as-leaf', "contradicts rfc5280::ca-as-leaf: RFC 5280 lets an authority's certificate be the peer's own"],
  ...[
    'ipv4-hex-mismatch',
    'ipv4-leading-zeros-mismatch',
    'ipv6-uppercase-mismatch',
    'ipv6-uncompressed-mismatch',
    'ipv6-non-rfc5952-mismatch',
    'punycode-not-in-san',
    'utf8-vs-punycode-mismatch',
    'not-in-san',
    'case-mismatch',
  ].map((name): [string, string] => [`webpki::cn::${name}`, COMMON_NAME]),
  ['webpki::san::public-suffix-multi-label-wildcard-san', PUBLIC_SUFFIX],
  ['webpki::san::public-suffix-private-namespace-wildcard-san', PUBLIC_SUFFIX],
])

const UNUSED_CRITICAL = 'the extension is understood, so that marking it critical changes nothing'
const UNUSED_IDENTIFIER =
  'key identifiers only order the candidate issuers; signatures decide, and private authorities omit them'
const UNUSED_RULE = 'a rule for public authorities; nothing that validation rests on depends on it'

/** Accepted by the profile `interoperable` only: rules for those who issue certificates. */
const INTEROPERABLE: ReadonlyMap<string, string> = new Map([
  ['crl::crlnumber-missing', 'authenticity and dates of the list are checked; OpenSSL issues such lists by default'],
  ['crl::crlnumber-critical', UNUSED_CRITICAL],
  ['rfc5280::aki::critical-aki', UNUSED_CRITICAL],
  ['rfc5280::aki::leaf-missing-aki', UNUSED_IDENTIFIER],
  ['rfc5280::aki::intermediate-missing-aki', UNUSED_IDENTIFIER],
  ['rfc5280::nc::invalid-dnsname-leading-period', 'widely used; it means the names below, as everyone reads it'],
  ['rfc5280::nc::not-allowed-in-ee-noncritical', 'nothing is below the certificate that could break them'],
  ['rfc5280::nc::not-allowed-in-ee-critical', 'nothing is below the certificate that could break them'],
  ['rfc5280::pc::ica-noncritical-pc', 'the constraints are enforced, critical or not'],
  ['rfc5280::san::noncritical-with-empty-subject', 'the names are used, critical or not'],
  ['rfc5280::san::underscore-dns', 'names with underscores are in use inside organisations'],
  ['rfc5280::serial::zero', 'private authorities begin with 0; lists of revoked certificates can name it'],
  ['rfc5280::ski::critical-ski', UNUSED_CRITICAL],
  ['rfc5280::ski::root-missing-ski', UNUSED_IDENTIFIER],
  ['rfc5280::ski::intermediate-missing-ski', UNUSED_IDENTIFIER],
  ['rfc5280::root-non-critical-basic-constraints', 'the constraints are enforced, critical or not'],
  ['rfc5280::leaf-ku-keycertsign', 'the certificate is no authority, and cannot issue whatever its key usage says'],
  ['webpki::aki::root-with-aki-missing-keyidentifier', UNUSED_IDENTIFIER],
  ['webpki::aki::root-with-aki-authoritycertissuer', UNUSED_IDENTIFIER],
  ['webpki::aki::root-with-aki-authoritycertserialnumber', UNUSED_IDENTIFIER],
  ['webpki::aki::root-with-aki-all-fields', UNUSED_IDENTIFIER],
  ['webpki::aki::root-with-aki-ski-mismatch', UNUSED_IDENTIFIER],
  ['webpki::eku::ee-anyeku', 'RFC 5280 lets any purpose stand for all'],
  ['webpki::eku::ee-critical-eku', UNUSED_CRITICAL],
  ['webpki::eku::root-has-eku', 'the purposes are enforced for all that the root issues'],
  ['webpki::san::san-critical-with-nonempty-subject', UNUSED_CRITICAL],
  ['webpki::forbidden-rsa-not-divisible-by-8-in-root', UNUSED_RULE],
  ['webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf', UNUSED_RULE],
  [
    'webpki::ee-basicconstraints-ca',
    'without keyCertSign it cannot issue; as the own certificate of a peer it does no harm',
  ],
])
