import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Certificate, type SigningChain, TrustStore } from 'polytls'
import { type KeyKind, makeAuthority } from '#polytls/cli/certificates.js'
import { type Identity, signingChain } from '../../support/identities.ts'

/** What every server in these tests is called. */
export const hostName = 'server.test'

/** The kinds of key that a server is tried with. */
export const serverKeyKinds = ['rsa-2048', 'ecdsa-p256', 'ecdsa-p384', 'ed25519'] as const satisfies readonly KeyKind[]
export type ServerKeyKind = (typeof serverKeyKinds)[number]

/** One party's certificate and key, as files for programs and as values for ours. */
export interface Party {
  /** The certificate and the intermediate one behind it. */
  readonly chainFile: string
  /** The intermediate one alone; empty for a party that a root vouches for. */
  readonly issuersFile: string
  readonly keyFile: string
  /** Chain and key in one file. */
  readonly bundleFile: string
  readonly signingChain: SigningChain
  /** The same in PEM. */
  readonly identity: Identity
}

/** A folder with the certificates of a test file. They are issued by an intermediate authority, which the parties have to send. */
export interface Identities {
  readonly folder: string
  readonly authorityFile: string
  readonly trustStore: TrustStore
  /** An authority that has nothing to do with any of the others. */
  readonly strangeAuthorityFile: string
  readonly strangeTrustStore: TrustStore
  readonly server: (kind?: ServerKeyKind) => Party
  readonly client: Party
  /** A client that only the strange authority vouches for. */
  readonly strangeClient: Party
  /** One more that the authority vouches for. */
  issue(name: string): Promise<Party>
  remove(): void
}

export async function makeIdentities(): Promise<Identities> {
  const folder = mkdtempSync(join(tmpdir(), 'polytls-peers-'))
  const file = (name: string, text: string): string => {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }
  const party = (name: string, made: Identity): Party => ({
    issuersFile: file(`${name}.issuers.pem`, made.chain.join('')),
    chainFile: file(`${name}.chain.pem`, made.certificate + made.chain.join('')),
    keyFile: file(`${name}.key`, made.key),
    bundleFile: file(`${name}.bundle.pem`, made.certificate + made.chain.join('') + made.key),
    signingChain: signingChain(made),
    identity: made,
  })
  const authority = await makeAuthority({ name: 'Peers Root' })
  const intermediate = await authority.issueAuthority({ name: 'Peers Intermediate' })
  const stranger = await makeAuthority({ name: 'Nobody' })
  const servers = new Map<ServerKeyKind, Party>()
  for (const keyKind of serverKeyKinds) {
    servers.set(
      keyKind,
      party(keyKind, await intermediate.issue({ name: hostName, names: [hostName, '127.0.0.1'], keyKind })),
    )
  }
  return {
    folder,
    authorityFile: file('authority.pem', authority.certificate),
    trustStore: TrustStore.fromCertificates([Certificate.fromBuffer(authority.certificate)]),
    strangeAuthorityFile: file('stranger.pem', stranger.certificate),
    strangeTrustStore: TrustStore.fromCertificates([Certificate.fromBuffer(stranger.certificate)]),
    server: (kind = 'ecdsa-p256') => servers.get(kind) as Party,
    client: party('client', await intermediate.issue({ name: 'A Client' })),
    strangeClient: party('stranger', await stranger.issue({ name: 'A Stranger' })),
    issue: async (name) => party(name, await intermediate.issue({ name, names: [name] })),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
