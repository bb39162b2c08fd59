import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Certificate } from '../config/certificate.ts'
import { PrivateKey } from '../config/private-key.ts'
import type { SigningChain } from '../config/signing-chain.ts'
import { type MadeCertificate, makeAuthority } from './certificates.ts'

/** A certificate that was made just now, and the authority to trust for it. */
export interface FreshCertificate {
  readonly chain: SigningChain
  /** Where the certificate of the authority is, PEM. */
  readonly authorityFile: string
  /** Removes the file again. */
  remove(): void
}

/** Makes an authority that exists for one certificate only: its key is thrown away. */
export async function makeFreshCertificate(names: readonly string[]): Promise<FreshCertificate> {
  const authority = await makeAuthority({ name: 'polytls serve: throw-away authority' })
  const leaf = await authority.issue({ name: names[0] ?? 'localhost', names })
  const folder = mkdtempSync(join(tmpdir(), 'polytls-'))
  const authorityFile = join(folder, 'ca.pem')
  writeFileSync(authorityFile, authority.certificate)
  return { chain: signingChainOf(leaf), authorityFile, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** What was made, as a configuration wants it. */
export function signingChainOf({ certificate, key, chain }: MadeCertificate): SigningChain {
  return {
    leaf: Certificate.fromBuffer(certificate),
    key: PrivateKey.fromBuffer(key),
    chain: chain.map((each) => Certificate.fromBuffer(each)),
  }
}
