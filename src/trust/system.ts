import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import * as tls from 'node:tls'
import { ConfigurationError } from '../errors.ts'

/**
 * What this machine trusts, PEM. Newer Nodes ask the operating system; older ones leave us the places where Unix systems keep it,
 * `SSL_CERT_FILE` and `SSL_CERT_DIR` first, as OpenSSL does. Read once in a process.
 * @throws ConfigurationError that says where it looked, where nothing was found: an empty store would trust nobody.
 */
export function loadSystemTrust(): readonly Uint8Array[] {
  loaded ??= readSystemTrust(env, places)
  return loaded
}
let loaded: readonly Uint8Array[] | undefined

export interface Places {
  readonly files: readonly string[]
  readonly directories: readonly string[]
  readonly fromRuntime: (() => readonly string[]) | undefined
}

/** The same for any environment and places. Exported for tests. */
export function readSystemTrust(
  environment: NodeJS.ProcessEnv,
  { files, directories, fromRuntime }: Places,
): readonly Uint8Array[] {
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: directory } = environment
  const lookedAt: string[] = []
  // What the operator sets comes before what the system says, and instead of it.
  if (file !== undefined || directory !== undefined) {
    const chosen = [
      ...(file === undefined ? [] : readFile(file, lookedAt)),
      ...(directory === undefined ? [] : directory.split(':').flatMap((each) => readDirectory(each, lookedAt))),
    ]
    if (chosen.length > 0) return distinct(chosen)
  } else {
    if (fromRuntime !== undefined) {
      lookedAt.push("tls.getCACertificates('system')")
      const certificates = fromRuntime()
      if (certificates.length > 0) return distinct(certificates.map((each) => Buffer.from(each)))
    }
    for (const each of files) {
      const found = readFile(each, lookedAt)
      if (found.length > 0) return found
    }
    for (const each of directories) {
      const found = readDirectory(each, lookedAt)
      if (found.length > 0) return distinct(found)
    }
  }
  throw new ConfigurationError(
    'trustStore',
    `no trusted certificate was found on this machine; looked at ${lookedAt.join(', ')}`,
    {
      hint: 'install ca-certificates, set SSL_CERT_FILE, or give a trustStore',
    },
  )
}

/** Debian, Fedora, SUSE, Alpine and the BSDs; macOS keeps a copy of its roots for OpenSSL. */
const places: Places = {
  files: [
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/ca-bundle.pem',
    '/etc/ssl/cert.pem',
    '/usr/local/share/certs/ca-root-nss.crt',
  ],
  directories: ['/etc/ssl/certs', '/etc/pki/tls/certs'],
  fromRuntime: systemCertificates(),
}

/** `tls.getCACertificates('system')`, from Node 22.15 on. */
function systemCertificates(): (() => readonly string[]) | undefined {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'system') => readonly string[] }
  return getCACertificates === undefined ? undefined : () => getCACertificates('system')
}

function readFile(path: string, lookedAt: string[]): readonly Buffer[] {
  lookedAt.push(path)
  const content = contentOf(path)
  return content?.includes('-----BEGIN ') ? [content] : []
}

function readDirectory(path: string, lookedAt: string[]): readonly Buffer[] {
  lookedAt.push(path)
  let names: readonly string[]
  try {
    names = readdirSync(path)
  } catch {
    // A place that does not exist is one of several, and the error above names it.
    return []
  }
  return names.flatMap((name) => {
    const content = contentOf(join(path, name))
    return content?.includes('-----BEGIN CERTIFICATE-----') ? [content] : []
  })
}

function contentOf(path: string): Buffer | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path) : undefined
  } catch {
    // As above: a missing or unreadable place is not the last word.
    return undefined
  }
}

/** Systems list the same authority several times, under its name and under its hash. */
function distinct(certificates: readonly Buffer[]): readonly Uint8Array[] {
  return [...new Map(certificates.map((each) => [each.toString('latin1').trim(), each])).values()]
}
