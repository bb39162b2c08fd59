import { ConfigurationError } from '../errors.ts'

/**
 * Refuses what a program says to a library about TLS in the words of `node:tls`: here another TLS is at work, and a certificate or a demand
 * that is not heard would be worse than an error.
 * @throws ConfigurationError naming the option.
 */
export function refuseForeignOptions(given: object | undefined, where: string): void {
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value === undefined || value === null || !foreign.has(name)) continue
    // What is the case anyway.
    if (name === 'rejectUnauthorized' && value === true) continue
    throw new ConfigurationError(`${where}.${name}`, 'is an option of node:tls, which is not at work here', {
      hint: 'configure the adapter instead: trustStore, certificateChain, lowestSupportedVersion, …',
    })
  }
}

const foreign: ReadonlySet<string> = new Set([
  'ALPNProtocols',
  'ca',
  'cert',
  'checkServerIdentity',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'key',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'rejectUnauthorized',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'sigalgs',
])
