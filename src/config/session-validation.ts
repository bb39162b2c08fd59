import { ConfigurationError } from '../errors.ts'
import type { ReplayGuard } from './replay-guard.ts'
import type { ServerSessions, SessionStore, TicketKey, TicketKeys } from './server-sessions.ts'
import type { SessionCache } from './session-cache.ts'
import { expected, wholeNumber } from './validation.ts'

/** What a configuration may say about sessions: objects of the application's have the methods that they need. */

export function isSessionCache(field: string, value: unknown): SessionCache {
  return withRemove(field, withMethods<SessionCache>(field, value, ['take', 'put'], "a SessionCache or 'none'"))
}

export function isReplayGuard(field: string, value: unknown): ReplayGuard {
  return withMethods<ReplayGuard>(field, value, ['admit'], 'a ReplayGuard')
}

export function serverSessions(field: string, value: unknown): ServerSessions {
  if (value === 'none') return value
  const given = value as Exclude<ServerSessions, 'none'>
  if (typeof given !== 'object' || given === null) throw expected(field, "'none' or an object with a kind", value)
  const { kind, lifetimeSeconds, ticketsPerConnection } = given
  const common = {
    ...(lifetimeSeconds !== undefined && {
      // RFC 9846, Section 4.6.1: seven days at most.
      lifetimeSeconds: wholeNumber(1, 604_800, 'seconds')(`${field}.lifetimeSeconds`, lifetimeSeconds),
    }),
    ...(ticketsPerConnection !== undefined && {
      ticketsPerConnection: wholeNumber(0, 16, 'tickets')(`${field}.ticketsPerConnection`, ticketsPerConnection),
    }),
  }
  if (kind === 'stateless') {
    requireNames(field, given, ['kind', 'lifetimeSeconds', 'ticketsPerConnection', 'ticketKeys'])
    const { ticketKeys } = given
    if (ticketKeys === undefined) return Object.freeze({ kind, ...common })
    withMethods<TicketKeys>(`${field}.ticketKeys`, ticketKeys, ['current'], 'TicketKeys')
    return Object.freeze({ kind, ...common, ticketKeys })
  }
  if (kind === 'stateful') {
    requireNames(field, given, ['kind', 'lifetimeSeconds', 'ticketsPerConnection', 'store'])
    const { store } = given
    if (store === undefined) return Object.freeze({ kind, ...common })
    withRemove(`${field}.store`, withMethods<SessionStore>(`${field}.store`, store, ['put', 'get'], 'a SessionStore'))
    return Object.freeze({ kind, ...common, store })
  }
  throw new ConfigurationError(`${field}.kind`, `'${String(kind)}' is not one of 'stateless', 'stateful'`)
}

/**
 * The keys that an application gives, when they are asked for.
 * @throws ConfigurationError where they cannot be used, TypeError where they are no keys.
 */
export function requireTicketKeys(keys: readonly TicketKey[]): readonly [TicketKey, ...TicketKey[]] {
  const field = 'sessions.ticketKeys'
  if (!Array.isArray(keys)) throw expected(field, 'an array of TicketKey', keys)
  if (keys.length === 0) throw new ConfigurationError(field, 'without a key no ticket can be sealed')
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as Partial<TicketKey> | null
    requireLength(() => `${field}[${index}].name`, key?.name, 16)
    requireLength(() => `${field}[${index}].secret`, key?.secret, 32)
  }
  return keys as readonly TicketKey[] as readonly [TicketKey, ...TicketKey[]]
}

function requireLength(field: () => string, bytes: unknown, length: number): void {
  if (!(bytes instanceof Uint8Array)) throw expected(field(), 'a Uint8Array', bytes)
  if (bytes.length !== length)
    throw new ConfigurationError(field(), `it has ${bytes.length} bytes instead of ${length}`)
}

function requireNames(field: string, given: object, names: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (!names.includes(name))
      throw new TypeError(`${field}: there is no "${name}" for this kind; there are ${names.join(', ')}`)
  }
}

/** It need not have this method. */
function withRemove<T extends { remove?: unknown }>(field: string, given: T): T {
  if (given.remove !== undefined && typeof given.remove !== 'function')
    throw expected(`${field}.remove`, 'a function', given.remove)
  return given
}

function withMethods<T extends object>(
  field: string,
  value: unknown,
  methods: readonly (keyof T & string)[],
  what: string,
): T {
  const given = value as Partial<T> | null
  const has = methods.every((name) => typeof given?.[name] === 'function')
  if (!has) throw expected(field, `${what}: an object with ${methods.map((name) => `${name}()`).join(' and ')}`, value)
  return given as T
}
