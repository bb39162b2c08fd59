import type { FindPreSharedKeyRequest } from '../../channel/pause.ts'
import { CipherSuite } from '../../config/cipher-suite.ts'
import { type PreSharedKey, type PreSharedKeyHash, secretOf } from '../../config/pre-shared-key.ts'
import { ConfigurationError } from '../../errors.ts'
import { NID, ProtocolVersion } from './constants.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** The longest key that OpenSSL takes: TLS13_MAX_RESUMPTION_PSK_LENGTH. */
const maxPreSharedKeyBytes = 512

/** Why OpenSSL cannot use a key, if that is so. */
export function keyRefusal(key: PreSharedKey): string | undefined {
  // RFC 9258, Section 4: a key that is imported anywhere must not be used as it is. Clients refuse it by their features.
  if (key.importContext !== undefined) return 'OpenSSL cannot import keys'
  const isFitting = secretOf(key).byteLength <= maxPreSharedKeyBytes
  return isFitting ? undefined : `OpenSSL takes keys of ${maxPreSharedKeyBytes} bytes at most`
}

/** The key as OpenSSL has it: a session that never was. The caller owns it. */
export function sessionOfKey({ native }: Library, ssl: Pointer, key: PreSharedKey): Pointer | null {
  const suite = suites[key.hash]
  const secret = secretOf(key)
  const cipher = native.SSL_CIPHER_find(ssl, Buffer.of(suite >> 8, suite & 0xff))
  const session = native.SSL_SESSION_new()
  const isMade =
    cipher !== null &&
    session !== null &&
    native.SSL_SESSION_set1_master_key(session, secret, secret.byteLength) === 1 &&
    native.SSL_SESSION_set_cipher(session, cipher) === 1 &&
    native.SSL_SESSION_set_protocol_version(session, ProtocolVersion.TLS1_3) === 1
  if (isMade) return session
  native.SSL_SESSION_free(session)
  native.ERR_clear_error()
  return null
}

/** Whether a key can be used where OpenSSL has settled on a hash; `null` before that. */
export function fitsHash({ native }: Library, key: PreSharedKey, hash: Pointer | null): boolean {
  return hash === null || native.EVP_MD_get_type(hash) === hashes[key.hash]
}

/** Any suite of the hash will do: OpenSSL looks at nothing else of it. */
const suites: { readonly [H in PreSharedKeyHash]: number } = {
  sha256: CipherSuite.TLS_AES_128_GCM_SHA256,
  sha384: CipherSuite.TLS_AES_256_GCM_SHA384,
}
const hashes: { readonly [H in PreSharedKeyHash]: number } = { sha256: NID.sha256, sha384: NID.sha384 }

/** The keys that a client calls by name, on one connection of a server. */
export class ServerPreSharedKeys {
  readonly #library: Library
  readonly #answers = new Map<string, PreSharedKey | undefined>()
  #question: FindPreSharedKeyRequest | undefined
  #used: PreSharedKey | undefined

  constructor(library: Library) {
    this.#library = library
  }

  /** The session of the key that is called so, for OpenSSL to own. */
  find(ssl: Pointer, identity: Uint8Array, mayAsk: boolean): Pointer | null | 'unknown yet' {
    const name = nameOf(identity)
    if (!this.#answers.has(name)) {
      if (!mayAsk || this.#answers.size >= mostIdentities) return null
      this.#question = { kind: 'find-pre-shared-key', identity }
      return 'unknown yet'
    }
    const key = this.#answers.get(name)
    const session = key === undefined ? null : sessionOfKey(this.#library, ssl, key)
    if (session !== null) this.#used = key
    return session
  }

  get hasQuestion(): boolean {
    return this.#question !== undefined
  }

  takeQuestion(): FindPreSharedKeyRequest | undefined {
    const question = this.#question
    this.#question = undefined
    return question
  }

  /** @throws ConfigurationError for a key that OpenSSL cannot use. */
  answer(identity: Uint8Array, key: PreSharedKey | undefined): void {
    const reason = key && keyRefusal(key)
    if (reason !== undefined) throw new ConfigurationError('findPreSharedKey', reason)
    this.#answers.set(nameOf(identity), key)
  }

  /** The key that OpenSSL was last given: the one that is used, where one is and no ticket came behind it. */
  get used(): PreSharedKey | undefined {
    return this.#used
  }

  forget(): void {
    this.#used = undefined
  }

  /** Of which hash a suite has to be for a key that was found. */
  get hash(): PreSharedKeyHash | undefined {
    return [...this.#answers.values()].find((key) => key !== undefined)?.hash
  }
}

function nameOf(identity: Uint8Array): string {
  return Buffer.from(identity).toString('latin1')
}

/** How many names of one client are looked up. */
const mostIdentities = 8
