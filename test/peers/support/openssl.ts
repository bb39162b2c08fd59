import type { ConnectionFacts, NegotiatedVersion } from 'polytls'
import { hostName, type Identities, type ServerKeyKind } from './identities.ts'
import { freePort } from './ports.ts'
import { Program, type ProgramOptions } from './program.ts'

/** The option of openssl(1) that allows one version alone. */
export const onlyVersion: { readonly [V in NegotiatedVersion]: string } = { 'TLSv1.2': '-tls1_2', 'TLSv1.3': '-tls1_3' }

/**
 * openssl(1) tells what it has to tell through a buffer of 4,096 bytes, and passes the peer's data on beside that: where the buffer is cut,
 * data stands in the middle of a line. By lines, both keep their places.
 */
export function startOpenSSL(words: readonly string[], options?: ProgramOptions): Program {
  return new Program('stdbuf', ['-oL', 'openssl', ...words], options)
}

export async function startSServer(
  identities: Identities,
  options: readonly string[],
  { kind, ...programOptions }: ProgramOptions & { readonly kind?: ServerKeyKind } = {},
): Promise<Program & { readonly port: number }> {
  const party = identities.server(kind)
  const port = await freePort()
  const identity = ['-cert', party.chainFile, '-cert_chain', party.issuersFile, '-key', party.keyFile]
  const program = startOpenSSL(['s_server', '-accept', `127.0.0.1:${port}`, ...identity, ...options], programOptions)
  await program.listensOn(port)
  return Object.assign(program, { port })
}

/** A client that verifies the server by chain and name. */
export function startSClient(
  identities: Identities,
  port: number,
  options: readonly string[],
  programOptions?: ProgramOptions,
): Program {
  const verification = ['-CAfile', identities.authorityFile, '-verify_return_error', '-verify_hostname', hostName]
  const destination = ['-connect', `127.0.0.1:${port}`, '-servername', hostName]
  return startOpenSSL(['s_client', ...destination, ...verification, ...options], programOptions)
}

export function clientIdentity({ client }: Pick<Identities, 'client'>): readonly string[] {
  return ['-cert', client.chainFile, '-cert_chain', client.issuersFile, '-key', client.keyFile]
}

/** Connection facts as a peer has seen them, in code points. */
export type TracedFacts = Pick<ConnectionFacts, 'version' | 'cipherSuite' | 'group'> & {
  readonly serverSignature: number | undefined
  readonly clientSignature: number | undefined
}

/** Reads the facts from what openssl(1) prints with -trace: the messages themselves, decoded. */
export function factsOfTrace(trace: string): TracedFacts {
  const afterHello = trace.slice(Math.max(0, trace.search(/ServerHello, Length/)))
  const [version] = /supported_versions\(43\), length=2\s+TLS 1\.\d \((\d+)\)/.exec(afterHello)?.slice(1) ?? []
  const [legacyVersion] = /server_version=0x(\w+)/.exec(afterHello)?.slice(1) ?? []
  const [high, low] = /cipher_suite \{0x(\w\w), 0x(\w\w)\}/.exec(afterHello)?.slice(1) ?? []
  const [group] = /(?:NamedGroup|named_curve): [^\n]*\((\d+)\)/.exec(afterHello)?.slice(1) ?? []
  // Those of certificates are printed with a name and no number.
  const signatures = [...afterHello.matchAll(/Signature Algorithm: \w+ \(0x(\w+)\)/g)].map((each) => hex(each[1]))
  return {
    version: nameOfVersion(version === undefined ? hex(legacyVersion) : Number(version)),
    cipherSuite: hex(high === undefined ? undefined : high + low),
    group: group === undefined ? undefined : Number(group),
    serverSignature: signatures[0],
    clientSignature: signatures[1],
  }
}

function hex(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, 16)
}

function nameOfVersion(code: number | undefined): NegotiatedVersion | undefined {
  if (code === 0x0304) return 'TLSv1.3'
  return code === 0x0303 ? 'TLSv1.2' : undefined
}
