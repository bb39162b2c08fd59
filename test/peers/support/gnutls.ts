import {
  type ConnectionFacts,
  cipherSuiteName,
  type NegotiatedVersion,
  namedGroupName,
  signatureSchemeName,
} from 'polytls'
import { hostName, type Identities, type ServerKeyKind } from './identities.ts'
import { freePort } from './ports.ts'
import { Program, type ProgramOptions } from './program.ts'

/** The priority string that allows one version alone. */
export function priorityFor(version: NegotiatedVersion): string {
  return `--priority=NORMAL:-VERS-ALL:+VERS-TLS${version.slice('TLSv'.length)}`
}

/** A server that sends each line back. It asks for client certificates unless told otherwise. */
export async function startGnuTLSServer(
  identities: Identities,
  options: readonly string[],
  kind?: ServerKeyKind,
): Promise<Program & { readonly port: number }> {
  const { chainFile, keyFile } = identities.server(kind)
  const port = await freePort()
  const files = ['--x509certfile', chainFile, '--x509keyfile', keyFile, '--x509cafile', identities.authorityFile]
  const service = options.includes('--http') ? [] : ['--echo']
  const program = new Program('gnutls-serv', ['--port', `${port}`, ...service, ...files, ...options])
  await program.listensOn(port)
  return Object.assign(program, { port })
}

/** A client that verifies the server by chain and name. */
export function startGnuTLSClient(
  identities: Identities,
  port: number,
  options: readonly string[],
  programOptions?: ProgramOptions,
): Program {
  const names = ['--sni-hostname', hostName, '--verify-hostname', hostName]
  const trust = options.includes('--x509cafile') ? [] : ['--x509cafile', identities.authorityFile]
  return new Program('gnutls-cli', [...trust, ...names, '--port', `${port}`, ...options, '127.0.0.1'], programOptions)
}

/** What was agreed, by the registered names. */
export interface NamedFacts {
  readonly version: NegotiatedVersion
  readonly cipherSuite: string
  readonly group: string
  readonly signatureScheme: string
}

/** Reads GnuTLS's own summary, such as `(TLS1.3-X.509)-(ECDHE-X25519)-(ECDSA-SECP256R1-SHA256)-(AES-256-GCM)`. */
export function factsOfDescription(report: string): NamedFacts {
  const description = /Description: \(TLS(1\.\d)-X\.509\)-\(ECDHE-(\w+)\)-\(([\w-]+)\)-\(([\w-]+)\)/.exec(report)
  if (description === null) throw new Error(`no description in ${report}`)
  const [version, group, signature, cipher] = description.slice(1) as [string, string, string, string]
  const authentication = version === '1.3' ? '' : `ECDHE_${signature.startsWith('RSA') ? 'RSA' : 'ECDSA'}_WITH_`
  const hash = cipher === 'AES-256-GCM' ? 'SHA384' : 'SHA256'
  return {
    version: `TLSv${version}` as NegotiatedVersion,
    cipherSuite: `TLS_${authentication}${cipher.replaceAll('-', '_')}_${hash}`,
    group: group.toLowerCase(),
    signatureScheme: signatureNames[signature] ?? signature,
  }
}

export function namedFacts({ version, cipherSuite, group, signatureScheme }: ConnectionFacts): Partial<NamedFacts> {
  return {
    ...(version && { version }),
    ...(cipherSuite && { cipherSuite: cipherSuiteName(cipherSuite) }),
    ...(group && { group: namedGroupName(group) }),
    ...(signatureScheme && { signatureScheme: signatureSchemeName(signatureScheme) }),
  }
}

/** GnuTLS's names. In TLS 1.2 schemes do not say the curve, and those of ECDSA have a name of their own. */
const signatureNames: { readonly [name: string]: string } = {
  'RSA-SHA256': 'rsa_pkcs1_sha256',
  'RSA-PSS-RSAE-SHA256': 'rsa_pss_rsae_sha256',
  'ECDSA-SHA256': 'ecdsa_secp256r1_sha256',
  'ECDSA-SHA384': 'ecdsa_secp384r1_sha384',
  'ECDSA-SECP256R1-SHA256': 'ecdsa_secp256r1_sha256',
  'ECDSA-SECP384R1-SHA384': 'ecdsa_secp384r1_sha384',
  'EdDSA-Ed25519': 'ed25519',
}
