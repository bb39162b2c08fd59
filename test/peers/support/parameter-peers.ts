import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CipherSuite,
  type CodePoint,
  isTLS13Suite,
  NamedGroup,
  type NegotiatedVersion,
  SignatureScheme,
  signatureSchemeName,
} from 'polytls'
import { groupNames, suiteNames } from '#polytls/backends/openssl/names.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import type { Identity } from '../../support/identities.ts'
import { onlyVersion, startOpenSSL } from './openssl.ts'
import { freePort } from './ports.ts'
import { Program } from './program.ts'

/** What a peer is to agree on, and nothing else. `groups` has the curve of the certificate as well where the version wants it. */
export interface Wanted {
  readonly suite: CodePoint
  readonly groups: readonly CodePoint[]
  readonly scheme: CodePoint
}

/** Another implementation, whose parameters can be chosen one by one. */
export interface ParameterPeer {
  readonly name: string
  /** Starts a server with everything that it has. It answers a line, any number of times. */
  startServer(version: NegotiatedVersion, folder: string, identity: Identity): Promise<Program & { port: number }>
  /** What it answers to `desserts`. */
  readonly answer: string
  /** A client that does not ask who the server is; that is tested elsewhere. */
  startClient(version: NegotiatedVersion, port: number, wanted: Wanted): Program
  /** How the client names a suite in what it prints. */
  prints(suite: CodePoint): RegExp
}

/** All that our own provider in JavaScript has but the hybrid, which the releases in Debian do not have. */
export const commonGroups: readonly CodePoint[] = Object.values(groupCode).filter(
  (group) => group !== NamedGroup.X25519MLKEM768,
)

export const opensslPeer: ParameterPeer = {
  name: 'openssl',
  answer: 'stressed',
  startServer(version, folder, identity) {
    const suites = [...suiteNames.keys()].filter(isTLS13Suite).map((each) => suiteNames.get(each))
    return started('openssl', (port) => [
      ...['s_server', '-rev', '-accept', `127.0.0.1:${port}`, onlyVersion[version]],
      ...['-cert', fileOf(folder, 'pem', identity.certificate), '-key', fileOf(folder, 'key', identity.key)],
      ...['-groups', commonGroups.map((each) => groupNames.get(each)).join(':')],
      ...['-cipher', 'ALL:@SECLEVEL=0', '-ciphersuites', suites.join(':')],
    ])
  },
  startClient(version, port, { suite, groups, scheme }) {
    const name = suiteNames.get(suite) as string
    return startOpenSSL([
      ...['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'server.test', onlyVersion[version]],
      ...(version === 'TLSv1.3' ? ['-ciphersuites', name] : ['-cipher', `${name}:@SECLEVEL=0`]),
      ...['-groups', groups.map((each) => groupNames.get(each)).join(':'), '-sigalgs', signatureSchemeName(scheme)],
    ])
  },
  prints: (suite) => new RegExp(`Cipher is ${suiteNames.get(suite)}$`, 'm'),
}

export const gnutlsPeer: ParameterPeer = {
  name: 'gnutls',
  answer: 'desserts',
  startServer(version, folder, identity) {
    const schemes = Object.keys(gnutlsSchemes).map(Number)
    const priority = priorityOf(version, Object.values(gnutlsCiphers), commonGroups, schemes)
    return started('gnutls-serv', (port) => [
      ...['--echo', '--disable-client-cert', '--port', `${port}`, priority],
      ...['--x509certfile', fileOf(folder, 'pem', identity.certificate)],
      ...['--x509keyfile', fileOf(folder, 'key', identity.key)],
    ])
  },
  startClient(version, port, { suite, groups, scheme }) {
    const priority = priorityOf(version, [gnutlsCipherOf(suite)], groups, [scheme])
    const names = ['--no-ca-verification', '--sni-hostname', 'server.test']
    return new Program('gnutls-cli', [...names, '--port', `${port}`, priority, '127.0.0.1'])
  },
  prints: (suite) => new RegExp(`^- Description: .*\\(${gnutlsCipherOf(suite)}\\)$`, 'm'),
}

async function started(
  name: string,
  options: (port: number) => readonly string[],
): Promise<Program & { readonly port: number }> {
  const port = await freePort()
  const program = new Program(name, options(port))
  await program.listensOn(port)
  return Object.assign(program, { port })
}

let written = 0
function fileOf(folder: string, ending: string, text: string): string {
  const path = join(folder, `${++written}.${ending}`)
  writeFileSync(path, text)
  return path
}

function priorityOf(
  version: NegotiatedVersion,
  ciphers: readonly string[],
  groups: readonly CodePoint[],
  schemes: readonly CodePoint[],
): string {
  const parts = [
    `VERS-TLS${version.slice('TLSv'.length)}`,
    ...['COMP-NULL', 'CTYPE-X509', 'AEAD', 'ECDHE-ECDSA', 'ECDHE-RSA'],
    ...ciphers,
    ...groups.map((each) => `GROUP-${gnutlsGroups[each]}`),
    ...schemes.map((each) => `SIGN-${gnutlsSchemeOf(version, each)}`),
  ]
  return `--priority=NONE:${parts.map((part) => `+${part}`).join(':')}`
}

/** In TLS 1.2 a scheme of ECDSA says no curve. */
function gnutlsSchemeOf(version: NegotiatedVersion, scheme: CodePoint): string | undefined {
  const name = gnutlsSchemes[scheme]
  return version === 'TLSv1.2' ? name?.replace(/-SECP\w+/, '') : name
}

function gnutlsCipherOf(suite: CodePoint): string {
  const [name = ''] = Object.entries(CipherSuite).find(([, codePoint]) => codePoint === suite) ?? []
  const found = Object.entries(gnutlsCiphers).find(([part]) =>
    new RegExp(`(?:^TLS|_WITH)_${part}(?:_SHA\\d+)?$`).test(name),
  )
  return found?.[1] as string
}

const gnutlsCiphers = {
  AES_128_GCM: 'AES-128-GCM',
  AES_256_GCM: 'AES-256-GCM',
  CHACHA20_POLY1305: 'CHACHA20-POLY1305',
  AES_128_CCM: 'AES-128-CCM',
  AES_256_CCM: 'AES-256-CCM',
  AES_128_CCM_8: 'AES-128-CCM-8',
  AES_256_CCM_8: 'AES-256-CCM-8',
} as const

const gnutlsGroups: { readonly [group: CodePoint]: string } = {
  [NamedGroup.x25519]: 'X25519',
  [NamedGroup.x448]: 'X448',
  [NamedGroup.secp256r1]: 'SECP256R1',
  [NamedGroup.secp384r1]: 'SECP384R1',
  [NamedGroup.secp521r1]: 'SECP521R1',
}

const gnutlsSchemes: { readonly [scheme: CodePoint]: string } = {
  [SignatureScheme.ecdsa_secp256r1_sha256]: 'ECDSA-SECP256R1-SHA256',
  [SignatureScheme.ecdsa_secp384r1_sha384]: 'ECDSA-SECP384R1-SHA384',
  [SignatureScheme.ecdsa_secp521r1_sha512]: 'ECDSA-SECP521R1-SHA512',
  [SignatureScheme.ed25519]: 'EdDSA-Ed25519',
  [SignatureScheme.ed448]: 'EdDSA-Ed448',
  [SignatureScheme.rsa_pss_rsae_sha256]: 'RSA-PSS-RSAE-SHA256',
  [SignatureScheme.rsa_pss_rsae_sha384]: 'RSA-PSS-RSAE-SHA384',
  [SignatureScheme.rsa_pss_rsae_sha512]: 'RSA-PSS-RSAE-SHA512',
  [SignatureScheme.rsa_pss_pss_sha256]: 'RSA-PSS-SHA256',
  [SignatureScheme.rsa_pss_pss_sha384]: 'RSA-PSS-SHA384',
  [SignatureScheme.rsa_pss_pss_sha512]: 'RSA-PSS-SHA512',
  [SignatureScheme.rsa_pkcs1_sha256]: 'RSA-SHA256',
  [SignatureScheme.rsa_pkcs1_sha384]: 'RSA-SHA384',
  [SignatureScheme.rsa_pkcs1_sha512]: 'RSA-SHA512',
}
