/** How a server finds the pre-shared key that it goes on from, among those that a client offers: RFC 9846, Section 4.2.11. */
import { MemorySessionStore } from '../../channel/memory-session-store.ts'
import type { PauseRequest } from '../../channel/pause.ts'
import { type PreSharedKey, secretOf } from '../../config/pre-shared-key.ts'
import type { HashAlgorithm } from '../../crypto/algorithms.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import { commonSuites } from './client-choice.ts'
import { pskWithKeyExchange } from './client-hello.ts'
import type { ServerConnection } from './connection.ts'
import { fault } from './faults.ts'
import { decodeImportedIdentity, importKey } from './imported-key.ts'
import { EarlyStage, type PreSharedKeyKind } from './key-schedule.ts'
import type { ClientHello } from './messages/client-hello.ts'
import type { ServerSession } from './server-session.ts'
import { suites } from './suites.ts'
import type { Transcript } from './transcript.ts'

/** A key that both have, if the client is who it seems: the binder will tell. */
export interface FoundKey {
  readonly kind: PreSharedKeyKind
  readonly identity: Uint8Array
  readonly hash: HashAlgorithm
  readonly stage: EarlyStage
  readonly origin:
    | { readonly kind: 'session'; readonly session: ServerSession }
    | { readonly kind: 'external'; readonly key: PreSharedKey }
}

declare const proof: unique symbol

/** The client has proved to have the key. Made only by {@link requireBinder}. */
export interface ProvenKey extends FoundKey {
  readonly [proof]: true
  /** Which of those that were offered. */
  readonly index: number
  readonly obfuscatedTicketAge: number
  readonly binder: Uint8Array
}

/**
 * The first of the offered keys that we have and that goes with a suite that both have. Yields what only the driver can find out, and is
 * given the answer.
 */
export function* lookUpKey(
  connection: ServerConnection,
  hello: ClientHello,
): Generator<PauseRequest, FoundKey | undefined, unknown> {
  const { pre_shared_key: offered, psk_key_exchange_modes: modes } = hello.extensions
  const { sessions, configuration, settings } = connection.setup
  if (offered === undefined || modes?.includes(pskWithKeyExchange) !== true) return undefined
  const hashes = new Set(commonSuites(settings.tls13Suites, hello).map(({ hash }) => hash))
  for (const { identity } of offered.identities.slice(0, mostLookups)) {
    if (sessions?.isTicket(identity)) {
      const session = yield* lookUpSession(connection, identity)
      const hash = session && suites.get(session.cipherSuite)?.hash
      if (session !== undefined && hash !== undefined && hashes.has(hash)) {
        if (!sessions.isFitting(session, 'TLSv1.3', nameOf(hello))) continue
        const stage = new EarlyStage(connection.crypto, hash, session.secret)
        return { kind: 'resumption', identity, hash, stage, origin: { kind: 'session', session } }
      }
      // What no entry of the store is named by may be the name of an external key as well.
      if (session !== undefined || sessions.store === undefined) continue
    }
    if (configuration.findPreSharedKey === undefined) continue
    const found = yield* lookUpExternal(connection, identity)
    if (found !== undefined && hashes.has(found.hash)) return found
  }
  return undefined
}

function* lookUpSession(
  { setup: { sessions } }: ServerConnection,
  ticket: Uint8Array,
): Generator<PauseRequest, ServerSession | undefined, unknown> {
  const store = sessions?.store
  if (store === undefined) return sessions?.open(ticket)
  const id = ticket.slice()
  // Tickets of TLS 1.3 are used once.
  const stored =
    store instanceof MemorySessionStore
      ? store.get(id, { once: true })
      : ((yield { kind: 'get-session', store, id, once: true }) as Uint8Array | undefined)
  return stored && sessions?.read(stored)
}

/** A key by its own name; or, where the name is that of an imported one, by the name in there. RFC 9258, Section 5.1. */
function* lookUpExternal(
  { crypto }: ServerConnection,
  identity: Uint8Array,
): Generator<PauseRequest, FoundKey | undefined, unknown> {
  const plain = (yield { kind: 'find-pre-shared-key', identity: identity.slice() }) as PreSharedKey | undefined
  if (plain !== undefined && plain.importContext === undefined) {
    const stage = new EarlyStage(crypto, plain.hash, secretOf(plain))
    return { kind: 'external', identity, hash: plain.hash, stage, origin: { kind: 'external', key: plain } }
  }
  const imported = decodeImportedIdentity(identity)
  if (imported === undefined) return undefined
  const { externalIdentity, targetHash: hash, context } = imported
  const key = (yield { kind: 'find-pre-shared-key', identity: externalIdentity.slice() }) as PreSharedKey | undefined
  const ownContext = key?.importContext
  if (key === undefined || ownContext === undefined || !equalPublicBytes(ownContext, context)) return undefined
  const stage = new EarlyStage(crypto, hash, importKey(crypto, key, imported))
  return { kind: 'imported', identity, hash, stage, origin: { kind: 'external', key } }
}

/**
 * That the client has the key, by the binder over its hello; `undefined` where a second hello does not offer the key any more. `transcript`
 * holds what came before the hello.
 * @throws ProtocolError with `decrypt_error` for a wrong binder.
 */
export function requireBinder(
  { crypto }: ServerConnection,
  hello: ClientHello,
  raw: Uint8Array,
  found: FoundKey,
  transcript: Transcript | undefined,
): ProvenKey | undefined {
  const { identities = [], binders = [], bindersLength = 0 } = hello.extensions.pre_shared_key ?? {}
  const index = identities.findIndex(({ identity }) => equalPublicBytes(identity, found.identity))
  const binder = binders[index]
  const offered = identities[index]
  if (binder === undefined || offered === undefined) return undefined
  const truncated = raw.subarray(0, raw.length - bindersLength)
  const digest = transcript?.digestWith(truncated) ?? crypto.digest(found.hash, truncated)
  if (!crypto.timingSafeEqual(found.stage.binder(found.kind, digest), binder)) throw fault('bad-binder')
  const { obfuscatedTicketAge } = offered
  // The one place where the proof is made.
  return { ...found, index, obfuscatedTicketAge, binder: binder.slice() } as unknown as ProvenKey
}

/** As sessions have it: RFC 6066, Section 3, compares without case. */
export function nameOf({ extensions }: ClientHello): string | undefined {
  return extensions.server_name?.toLowerCase() || undefined
}

/** How many keys one client is looked up for. */
const mostLookups = 8
