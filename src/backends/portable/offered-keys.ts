/** The pre-shared keys that a client offers: RFC 9846, Section 4.2.11. */
import { type PreSharedKey, secretOf } from '../../config/pre-shared-key.ts'
import { type HashAlgorithm, hashLength } from '../../crypto/algorithms.ts'
import type { OfferableSession } from './client-sessions.ts'
import type { ClientConnection } from './connection.ts'
import { encodeImportedIdentity, importKey } from './imported-key.ts'
import { EarlyStage, type PreSharedKeyKind } from './key-schedule.ts'
import type { OfferedPreSharedKeys } from './messages/extension-forms.ts'
import { type SuiteParameters, suites } from './suites.ts'
import type { Transcript } from './transcript.ts'

export interface OfferedKey {
  readonly kind: PreSharedKeyKind
  readonly identity: Uint8Array
  readonly obfuscatedTicketAge: number
  /** A server may choose the key only together with a suite of this hash. */
  readonly hash: HashAlgorithm
  readonly stage: EarlyStage
  readonly origin:
    | { readonly kind: 'session'; readonly offered: OfferableSession; readonly suite: SuiteParameters }
    | { readonly kind: 'external'; readonly key: PreSharedKey }
}

/** The session first, which alone can carry early data; then the external keys as they are configured. */
export function offeredKeys(connection: ClientConnection, session: OfferableSession | undefined): OfferedKey[] {
  const { crypto, setup } = connection
  const { preSharedKeys = [] } = setup.configuration
  const hashes = new Set(setup.settings.tls13Suites.flatMap((code) => suites.get(code)?.hash ?? []))
  const keys: OfferedKey[] = []
  const suite = session && suites.get(session.session.cipherSuite)
  if (session?.state.version === 'TLSv1.3' && suite !== undefined && hashes.has(suite.hash)) {
    const { ticket, preSharedKey, ageAdd } = session.state
    keys.push({
      kind: 'resumption',
      identity: ticket,
      obfuscatedTicketAge: (claimedAge(session.ageMilliseconds) + ageAdd) % 2 ** 32,
      hash: suite.hash,
      stage: new EarlyStage(crypto, suite.hash, preSharedKey),
      origin: { kind: 'session', offered: session, suite },
    })
  }
  for (const key of preSharedKeys) keys.push(...externalKeys(connection, key, hashes))
  return keys
}

/**
 * What a server is told of a ticket's age: RFC 9846, Section 4.2.11.1. The clock shows whole milliseconds, and so does the server's; where the
 * way is short, an age that both have rounded could be greater than the server's own, which GnuTLS refuses early data for.
 */
function claimedAge(milliseconds: number): number {
  return Math.max(0, milliseconds - 1)
}

function externalKeys(
  { crypto }: ClientConnection,
  key: PreSharedKey,
  hashes: ReadonlySet<HashAlgorithm>,
): OfferedKey[] {
  const origin = { kind: 'external', key } as const
  const { importContext: context, identity: externalIdentity } = key
  if (context === undefined) {
    if (!hashes.has(key.hash)) return []
    const stage = new EarlyStage(crypto, key.hash, secretOf(key))
    return [{ kind: 'external', identity: externalIdentity, obfuscatedTicketAge: 0, hash: key.hash, stage, origin }]
  }
  return [...hashes].map((targetHash) => {
    const identity = { externalIdentity, context, targetHash }
    return {
      kind: 'imported',
      identity: encodeImportedIdentity(identity),
      obfuscatedTicketAge: 0,
      hash: targetHash,
      stage: new EarlyStage(crypto, targetHash, importKey(crypto, key, identity)),
      origin,
    }
  })
}

/** The extension, with room for the binders; `undefined` where nothing is offered. */
export function preSharedKeyExtension(keys: readonly OfferedKey[]): OfferedPreSharedKeys | undefined {
  if (keys.length === 0) return undefined
  const binders = keys.map(({ hash }) => new Uint8Array(hashLength[hash]))
  const bindersLength = binders.reduce((sum, { length }) => sum + 1 + length, 2)
  return { identities: keys, binders, bindersLength }
}

/**
 * Fills the binders in at the end of the encoded ClientHello: each covers everything before them. `transcript` holds what came before the
 * hello, which is nothing or a HelloRetryRequest.
 */
export function signBinders(
  { crypto }: ClientConnection,
  raw: Uint8Array,
  keys: readonly OfferedKey[],
  transcript: Transcript | undefined,
): void {
  const extension = preSharedKeyExtension(keys)
  if (extension === undefined) return
  const truncated = raw.subarray(0, raw.length - extension.bindersLength)
  let at = truncated.length + 2
  for (const { hash, kind, stage } of keys) {
    const digest = transcript?.digestWith(truncated) ?? crypto.digest(hash, truncated)
    const binder = stage.binder(kind, digest)
    raw.set(binder, at + 1)
    at += 1 + binder.length
  }
}
