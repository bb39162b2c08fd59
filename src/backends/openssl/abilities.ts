import type { Capabilities, Feature } from '../../channel/backend.ts'
import { CipherSuite } from '../../config/cipher-suite.ts'
import type { CodePoint } from '../../config/registry.ts'
import { Ctrl } from './constants.ts'
import type { Library } from './library.ts'
import { groupNames, schemeNames, suiteNames } from './names.ts'
import type { Pointer } from './prototypes.ts'

/** What this build of OpenSSL can do: found by asking it, not by its version. */
export interface Abilities {
  /** OpenSSL's name of every suite that it has, those of TLS 1.2 that no registry of ours names included. */
  readonly suites: ReadonlyMap<CodePoint, string>
  /** Those among them that OpenSSL does not let through at security level 2, because they give less than 112 bits. */
  readonly weakSuites: ReadonlySet<CodePoint>
  readonly groups: ReadonlyMap<CodePoint, string>
  readonly schemes: ReadonlyMap<CodePoint, string>
}

const known = new WeakMap<Library, Abilities>()

export function abilitiesOf(library: Library): Abilities {
  let abilities = known.get(library)
  if (abilities === undefined) {
    abilities = probe(library)
    known.set(library, abilities)
  }
  return abilities
}

function probe({ native }: Library): Abilities {
  const context = native.SSL_CTX_new(native.TLS_method())
  if (context === null) throw new Error('SSL_CTX_new failed')
  try {
    const accepted = (command: number, names: ReadonlyMap<CodePoint, string>): ReadonlyMap<CodePoint, string> =>
      new Map([...names].filter(([, name]) => native.SSL_CTX_ctrl(context, command, 0, Buffer.from(`${name}\0`)) === 1))
    return {
      ...suitesOf(native, context),
      groups: accepted(Ctrl.SET_GROUPS_LIST, groupNames),
      schemes: accepted(Ctrl.SET_SIGALGS_LIST, schemeNames),
    }
  } finally {
    native.SSL_CTX_free(context)
    native.ERR_clear_error()
  }
}

function suitesOf(native: Library['native'], context: Pointer): Pick<Abilities, 'suites' | 'weakSuites'> {
  native.SSL_CTX_set_security_level(context, 0)
  native.SSL_CTX_set_ciphersuites(context, tls13Suites.map((codePoint) => suiteNames.get(codePoint)).join(':'))
  native.SSL_CTX_set_cipher_list(context, 'ALL')
  const stack = native.SSL_CTX_get_ciphers(context)
  const suites = new Map<CodePoint, string>()
  const weakSuites = new Set<CodePoint>()
  for (let index = 0; index < native.OPENSSL_sk_num(stack); index++) {
    const suite = native.OPENSSL_sk_value(stack, index)
    const name = native.SSL_CIPHER_get_name(suite) ?? ''
    if (unusable.test(name)) continue
    const codePoint = native.SSL_CIPHER_get_protocol_id(suite)
    suites.set(codePoint, name)
    if (native.SSL_CIPHER_get_bits(suite, null) < 112) weakSuites.add(codePoint)
  }
  return { suites, weakSuites }
}

/**
 * Suites that no configuration can have: without encryption or without a certificate, by which there would be nothing to verify, and
 * those for keys that a configuration cannot hold (pre-shared ones, passwords, DSA).
 */
const unusable = /NULL|^ADH|^AECDH|PSK|SRP|DSS/

export const tls13Suites: readonly CodePoint[] = [
  CipherSuite.TLS_AES_128_GCM_SHA256,
  CipherSuite.TLS_AES_256_GCM_SHA384,
  CipherSuite.TLS_CHACHA20_POLY1305_SHA256,
  CipherSuite.TLS_AES_128_CCM_SHA256,
  CipherSuite.TLS_AES_128_CCM_8_SHA256,
]

export const features: ReadonlySet<Feature> = new Set<Feature>([
  'verify-peer',
  'key-log',
  'server-name-selection',
  'choose-context',
  'certificate-verification-time',
  'revocation-lists',
  'encrypted-keys',
  'sessions',
  'early-data',
  'key-update',
  'post-handshake-authentication',
  'choose-certificate',
  'pre-shared-keys',
  'ocsp-stapling',
  'certificate-timestamps',
  'exporters',
  'channel-bindings',
])

export function capabilitiesOf(library: Library): Capabilities {
  const { suites, groups, schemes } = abilitiesOf(library)
  return {
    roles: ['client', 'server'],
    versions: ['TLSv1.2', 'TLSv1.3'],
    ciphers: [...suites.keys()],
    groups: [...groups.keys()],
    signatureSchemes: [...schemes.keys()],
    signingSchemes: [...schemes.keys()],
    sources: {
      certificate: ['buffer', 'file'],
      privateKey: ['buffer', 'file'],
      trustStore: ['system', 'buffer', 'file', 'certificates'],
    },
    features,
  }
}

export const noCapabilities: Capabilities = {
  roles: [],
  versions: [],
  ciphers: [],
  groups: [],
  signatureSchemes: [],
  signingSchemes: [],
  sources: { certificate: [], privateKey: [], trustStore: [] },
  features: new Set(),
}
