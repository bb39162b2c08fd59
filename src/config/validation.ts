import { ConfigurationError } from '../errors.ts'
import { longestDelayMilliseconds } from './arguments.ts'
import { Certificate } from './certificate.ts'
import type { CommonOptions } from './common-options.ts'
import { PrivateKey } from './private-key.ts'
import { type Revocation, RevocationList } from './revocation.ts'
import type { SigningChain } from './signing-chain.ts'
import { typeOf } from './source.ts'
import { compareVersions, TLSVersion } from './tls-version.ts'
import { TrustStore } from './trust-store.ts'

/** Checks one property and answers a frozen copy of it: of the right type or a TypeError, of an acceptable value or a ConfigurationError. */
export type Check<T> = (field: string, value: unknown) => T

/** One check for every property of `Options`: a property without one does not compile. */
export type Checks<Options> = { readonly [K in keyof Options]-?: Check<NonNullable<Options[K]>> }

/** Copies the options that are given onto `target`, checked; refuses names that no option has. */
export function adopt<Options extends object>(
  target: object,
  owner: string,
  options: Options,
  checks: Checks<Options>,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${owner}: expected an object with options, got ${typeOf(options)}`)
  }
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      throw new TypeError(`${owner}: there is no option "${name}"; the options are ${Object.keys(checks).join(', ')}`)
    }
    if (value === undefined) continue
    const check = checks[name as keyof Options] as Check<unknown>
    Object.defineProperty(target, name, { value: check(name, value), enumerable: true })
  }
}

export function signingChain(field: string, value: unknown): SigningChain {
  const given = value as SigningChain
  if (!(given?.leaf instanceof Certificate)) throw expected(`${field}.leaf`, 'a Certificate', given?.leaf)
  if (!(given.key instanceof PrivateKey)) throw expected(`${field}.key`, 'a PrivateKey', given.key)
  const chain = given.chain ?? []
  if (!Array.isArray(chain)) throw expected(`${field}.chain`, 'an array of Certificate', chain)
  chain.forEach((each, index) => {
    if (!(each instanceof Certificate)) throw expected(`${field}.chain[${index}]`, 'a Certificate', each)
  })
  const { ocspResponse, signedCertificateTimestamps: timestamps } = given
  if (ocspResponse !== undefined) aFunction(`${field}.ocspResponse`, ocspResponse)
  return Object.freeze({
    leaf: given.leaf,
    key: given.key,
    chain: Object.freeze([...chain]),
    ...(ocspResponse !== undefined && { ocspResponse }),
    ...(timestamps !== undefined && {
      signedCertificateTimestamps: timestampList(`${field}.signedCertificateTimestamps`, timestamps),
    }),
  })
}

/** RFC 6962, Section 3.3: `SerializedSCT sct_list<1..2^16-1>`, each of which is `opaque SerializedSCT<1..2^16-1>`. */
function timestampList(field: string, value: unknown): readonly Uint8Array[] {
  const timestamps = instancesOf(Uint8Array, 'Uint8Array')(field, value)
  const empty = timestamps.findIndex(({ byteLength }) => byteLength === 0)
  if (empty >= 0) throw new ConfigurationError(`${field}[${empty}]`, 'it is empty')
  const bytes = timestamps.reduce((total, { byteLength }) => total + 2 + byteLength, 0)
  if (bytes > mostTimestampBytes)
    throw new ConfigurationError(field, `${bytes} bytes are more than the ${mostTimestampBytes} that a list may have`)
  return timestamps
}

/**
 * Thirty times what authorities ask for. In TLS 1.2 the list is in the ServerHello, of which OpenSSL takes 20,000 bytes; in TLS 1.3 the
 * longest stapled status has room beside it.
 */
const mostTimestampBytes = 16_384

export function signingChains(field: string, value: unknown): readonly SigningChain[] {
  if (!Array.isArray(value)) throw expected(field, 'an array of SigningChain', value)
  return Object.freeze(value.map((each, index) => signingChain(`${field}[${index}]`, each)))
}

export function oneOf<const T extends string>(...accepted: readonly T[]): Check<T> {
  return (field, value) => {
    if (typeof value !== 'string') throw expected(field, accepted.map((each) => `'${each}'`).join(' or '), value)
    if (!accepted.includes(value as T)) {
      throw new ConfigurationError(field, `'${value}' is not one of ${accepted.map((each) => `'${each}'`).join(', ')}`)
    }
    return value as T
  }
}

/** A list without gaps of objects of one class. */
export function instancesOf<T extends object>(
  kind: abstract new (...parameters: never[]) => T,
  name: string,
): Check<readonly T[]> {
  return (field, value) => {
    if (!Array.isArray(value)) throw expected(field, `an array of ${name}`, value)
    value.forEach((each, index) => {
      if (!(each instanceof kind)) throw expected(`${field}[${index}]`, `a ${name}`, each)
    })
    return Object.freeze([...value])
  }
}

export function wholeNumber(minimum: number, maximum: number, unit: string): Check<number> {
  return (field, value) => {
    if (typeof value !== 'number') throw expected(field, `a number of ${unit}`, value)
    if (!Number.isInteger(value) || value < minimum || value > maximum) {
      const range = `${minimum.toLocaleString('en')} to ${maximum.toLocaleString('en')}`
      throw new ConfigurationError(field, `${value} is not a whole number of ${unit} from ${range}`)
    }
    return value
  }
}

/** Refuses bounds that leave no version between them. */
export function checkVersionBounds(options: CommonOptions): void {
  const { lowestSupportedVersion: lowest, highestSupportedVersion: highest } = options
  if (lowest !== undefined && highest !== undefined && compareVersions(lowest, highest) > 0) {
    throw new ConfigurationError('lowestSupportedVersion', `${lowest} is above the highestSupportedVersion, ${highest}`)
  }
}

export const commonChecks: Checks<CommonOptions> = {
  ciphers: codePoints,
  groups: codePoints,
  signatureSchemes: codePoints,
  innerProtocols: protocolNames,
  lowestSupportedVersion: oneOf(...Object.values(TLSVersion)),
  highestSupportedVersion: oneOf(...Object.values(TLSVersion)),
  policy: oneOf('systemRecommended', 'mostSecure', 'leastSecure'),
  trustStore: (field, value) => {
    if (!(value instanceof TrustStore)) throw expected(field, 'a TrustStore', value)
    return value
  },
  revocation,
  verifyPeer: aFunction,
  keyLog: aFunction,
  certificateCompression: codePoints,
  handshakeTimeoutMilliseconds: wholeNumber(1, longestDelayMilliseconds, 'milliseconds'),
}

function revocation(field: string, value: unknown): Revocation {
  const given = value as Revocation
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw expected(field, 'an object with lists', value)
  for (const name of Object.keys(given)) {
    if (!['lists', 'missing', 'scope'].includes(name))
      throw new TypeError(`${field}: there is no "${name}"; there are lists, missing and scope`)
  }
  const { lists } = given
  if (!Array.isArray(lists)) throw expected(`${field}.lists`, 'an array of RevocationList', lists)
  lists.forEach((each, index) => {
    if (!(each instanceof RevocationList)) throw expected(`${field}.lists[${index}]`, 'a RevocationList', each)
  })
  if (lists.length === 0)
    throw new ConfigurationError(`${field}.lists`, 'without a list nothing is checked; leave the option out for that')
  const { missing, scope } = given
  return Object.freeze({
    lists: Object.freeze([...lists]),
    ...(missing !== undefined && { missing: oneOf('accept', 'reject')(`${field}.missing`, missing) }),
    ...(scope !== undefined && { scope: oneOf('leaf', 'path')(`${field}.scope`, scope) }),
  })
}

function codePoints(field: string, value: unknown): readonly number[] {
  if (!Array.isArray(value)) throw expected(field, 'an array of code points', value)
  if (value.length === 0)
    throw new ConfigurationError(field, 'an empty list leaves nothing to negotiate; leave it out for the default')
  value.forEach((each, index) => {
    if (typeof each !== 'number') throw expected(`${field}[${index}]`, 'a code point (a number)', each)
    if (!Number.isInteger(each) || each < 0 || each > 0xffff) {
      throw new ConfigurationError(`${field}[${index}]`, `${each} is not a code point from 0 to 0xffff`)
    }
    if (value.indexOf(each) !== index)
      throw new ConfigurationError(`${field}[${index}]`, `0x${each.toString(16)} stands twice`)
  })
  return Object.freeze([...value])
}

function protocolNames(field: string, value: unknown): readonly string[] {
  if (!Array.isArray(value)) throw expected(field, 'an array of protocol names', value)
  let total = 0
  value.forEach((each, index) => {
    if (typeof each !== 'string') throw expected(`${field}[${index}]`, 'a protocol name (a string)', each)
    const length = new TextEncoder().encode(each).byteLength
    // RFC 7301, Section 3.1: opaque ProtocolName<1..2^8-1>, in a list of at most 2^16-1 bytes.
    if (length < 1 || length > 255)
      throw new ConfigurationError(`${field}[${index}]`, 'a protocol name has 1 to 255 bytes')
    if (value.indexOf(each) !== index) throw new ConfigurationError(`${field}[${index}]`, `'${each}' stands twice`)
    total += 1 + length
  })
  if (total > 0xffff) throw new ConfigurationError(field, 'the list has more than 65,535 bytes')
  return Object.freeze([...value])
}

// biome-ignore lint/suspicious/noExplicitAny: the table that uses it fixes the function's type
export function aFunction(field: string, value: unknown): any {
  if (typeof value !== 'function') throw expected(field, 'a function', value)
  return value
}

export function aBoolean(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw expected(field, 'true or false', value)
  return value
}

export function expected(field: string, what: string, got: unknown): TypeError {
  return new TypeError(`${field}: expected ${what}, got ${typeOf(got)}`)
}
