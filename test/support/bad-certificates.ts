import type { AlertName, CertificateReason, TrustStore } from 'polytls'
import { hostName, type Identity, makeAuthority, makeSelfSigned, trusting } from './identities.ts'
import {
  clientAuthentication,
  codeSigning,
  makeOddCertificate,
  permittedSubtree,
  serverAuthentication,
} from './odd-certificates.ts'

/** One certificate that must not be accepted, and how it is refused. */
export interface BadCertificate {
  readonly what: string
  readonly make: () => Promise<{ readonly identity: Identity; readonly trustStore: TrustStore }>
  readonly reason: CertificateReason
  readonly depth: number
  readonly alert: AlertName
  readonly serverName?: string
}

const day = 86_400_000
/** Whom the judges of these certificates trust. */
export const trustedRoot = makeOddCertificate({ name: 'A Root', isAuthority: true })
/** What a certificate for `hostName` needs. */
export const plainLeaf = { name: 'A Leaf', names: [hostName] }

const badCertificates: readonly BadCertificate[] = each([
  {
    what: 'that has expired',
    make: async () => ({
      identity: await makeOddCertificate({
        ...plainLeaf,
        issuer: await trustedRoot,
        notBefore: new Date(Date.now() - 3 * day),
        notAfter: new Date(Date.now() - day),
      }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'expired',
    depth: 0,
    alert: 'certificate_expired',
  },
  {
    what: 'that is not yet valid',
    make: async () => ({
      identity: await makeOddCertificate({
        ...plainLeaf,
        issuer: await trustedRoot,
        notBefore: new Date(Date.now() + day),
        notAfter: new Date(Date.now() + 3 * day),
      }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'not-yet-valid',
    depth: 0,
    alert: 'bad_certificate',
  },
  {
    what: 'whose issuer has expired',
    make: async () => {
      const issuer = await makeOddCertificate({
        name: 'Of Old',
        isAuthority: true,
        issuer: await trustedRoot,
        notBefore: new Date(Date.now() - 3 * day),
        notAfter: new Date(Date.now() - day),
      })
      return { identity: await makeOddCertificate({ ...plainLeaf, issuer }), trustStore: trusting(await trustedRoot) }
    },
    reason: 'expired',
    depth: 1,
    alert: 'certificate_expired',
  },
  {
    what: 'from an authority that is not trusted',
    make: async () => ({
      identity: await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot }),
      trustStore: trusting(await makeAuthority({ name: 'Another Root' })),
    }),
    reason: 'unknown-issuer',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'without the intermediate that issued it',
    make: async () => {
      const issuer = await makeOddCertificate({ name: 'Between', isAuthority: true, issuer: await trustedRoot })
      const identity = await makeOddCertificate({ ...plainLeaf, issuer })
      return { identity: { ...identity, chain: [] }, trustStore: trusting(await trustedRoot) }
    },
    reason: 'unknown-issuer',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'that is its own issuer',
    make: async () => ({
      identity: await makeSelfSigned({ name: 'Alone', names: [hostName] }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'self-signed',
    depth: 0,
    alert: 'unknown_ca',
  },
  {
    what: 'whose chain brings its own root along',
    make: async () => {
      const stranger = await makeOddCertificate({ name: 'A Stranger', isAuthority: true })
      const identity = await makeOddCertificate({ ...plainLeaf, issuer: stranger })
      return { identity: { ...identity, chain: [stranger.certificate] }, trustStore: trusting(await trustedRoot) }
    },
    reason: 'self-signed-in-chain',
    depth: 1,
    alert: 'unknown_ca',
  },
  {
    what: 'whose signature is not its issuer’s',
    make: async () => ({
      identity: await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot, forged: true }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'bad-signature',
    depth: 0,
    alert: 'decrypt_error',
  },
  {
    what: 'issued by a certificate that is no authority',
    make: async () => {
      const issuer = await makeOddCertificate({ name: 'Presumptuous', issuer: await trustedRoot })
      return { identity: await makeOddCertificate({ ...plainLeaf, issuer }), trustStore: trusting(await trustedRoot) }
    },
    reason: 'not-an-authority',
    depth: 1,
    alert: 'unknown_ca',
  },
  {
    what: 'below an authority that may have none below it',
    make: async () => {
      const last = await makeOddCertificate({
        name: 'Last',
        isAuthority: true,
        issuer: await trustedRoot,
        pathLength: 0,
      })
      const beyond = await makeOddCertificate({ name: 'Beyond', isAuthority: true, issuer: last })
      return {
        identity: await makeOddCertificate({ ...plainLeaf, issuer: beyond }),
        trustStore: trusting(await trustedRoot),
      }
    },
    reason: 'path-too-long',
    depth: 2,
    alert: 'unknown_ca',
  },
  {
    what: 'for a name that its authority may not vouch for',
    make: async () => {
      const issuer = await makeOddCertificate({
        name: 'Narrow',
        isAuthority: true,
        issuer: await trustedRoot,
        extensions: [permittedSubtree('elsewhere.test')],
      })
      return { identity: await makeOddCertificate({ ...plainLeaf, issuer }), trustStore: trusting(await trustedRoot) }
    },
    reason: 'name-constraints',
    depth: 0,
    alert: 'certificate_unknown',
  },
  {
    what: 'with a critical extension that nobody knows',
    make: async () => ({
      identity: await makeOddCertificate({
        ...plainLeaf,
        issuer: await trustedRoot,
        extensions: [{ id: '1.3.6.1.4.1.32473.1', critical: true, der: Buffer.from([5, 0]) }],
      }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'unknown-critical-extension',
    depth: 0,
    alert: 'certificate_unknown',
  },
  {
    what: 'for another purpose',
    make: async () => ({
      identity: await makeOddCertificate({ ...plainLeaf, issuer: await trustedRoot, extendedKeyUsages: [codeSigning] }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
])

export const badServerCertificates: readonly BadCertificate[] = each([
  ...badCertificates,
  {
    what: 'for clients only',
    make: async () => ({
      identity: await makeOddCertificate({
        ...plainLeaf,
        issuer: await trustedRoot,
        extendedKeyUsages: [clientAuthentication],
      }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
  ...[
    { what: 'for another host', names: ['other.test'] },
    { what: 'for a wildcard that does not reach so deep', names: ['*.test'], serverName: 'a.server.test' },
    { what: 'for a wildcard that stands for more than a label', names: ['*.server.test'], serverName: 'server.test' },
    { what: 'for part of a label', names: ['ser*.test'] },
    { what: 'with a common name alone', name: hostName, names: ['other.test'] },
    { what: 'with the common name and no other', name: hostName, names: undefined },
    { what: 'for another address', names: ['192.0.2.1'], serverName: '192.0.2.2' },
    { what: 'for another IPv6 address', names: ['2001:db8::1'], serverName: '2001:db8::2' },
    { what: 'for a name where an address is wanted', names: ['server.test'], serverName: '192.0.2.2' },
    { what: 'for an address where a name is wanted', names: ['192.0.2.1'], serverName: hostName },
  ].map(
    ({ what, name = 'A Leaf', names, serverName }): BadCertificate => ({
      what,
      make: async () => ({
        identity: await makeOddCertificate({ name, ...(names && { names }), issuer: await trustedRoot }),
        trustStore: trusting(await trustedRoot),
      }),
      reason: 'wrong-host',
      depth: 0,
      alert: 'bad_certificate',
      ...(serverName !== undefined && { serverName }),
    }),
  ),
])

export const badClientCertificates: readonly BadCertificate[] = each([
  ...badCertificates,
  {
    what: 'for servers only',
    make: async () => ({
      identity: await makeOddCertificate({
        ...plainLeaf,
        issuer: await trustedRoot,
        extendedKeyUsages: [serverAuthentication],
      }),
      trustStore: trusting(await trustedRoot),
    }),
    reason: 'wrong-purpose',
    depth: 0,
    alert: 'unsupported_certificate',
  },
])

/** Makes each certificate once, however many backends and versions are to refuse it. */
function each(certificates: readonly BadCertificate[]): readonly BadCertificate[] {
  return certificates.map((certificate) => {
    let made: ReturnType<BadCertificate['make']> | undefined
    return {
      ...certificate,
      make: () => {
        made ??= certificate.make()
        return made
      },
    }
  })
}
