import { randomBytes } from 'node:crypto'
import {
  MemoryReplayGuard,
  type PeerIdentity,
  Session,
  type SessionStore,
  type TicketKey,
  type TicketKeys,
  type Verdict,
} from 'polytls'
import { MemorySessionStore } from '#polytls/channel/memory-session-store.js'
import type { Credential } from './credentials.ts'
import type { Request } from './flags.ts'

/**
 * What the connections of one test have in common. Each has a context of its own, as a client and a server would that were started
 * anew in between: they go on from what was kept, and not from what a process remembers.
 */
export class Continuity {
  readonly guard = new MemoryReplayGuard({ now: () => this.now() })
  readonly ticketKeys = new RenewableTicketKeys()
  /** Whether any of the connections has one: then all have, since a session is bound to whose veto it has passed. */
  readonly hasVeto: boolean
  /** How many sessions the server's store was given. */
  storedSessions = 0
  readonly #store = new MemorySessionStore({ now: () => this.now() })
  #session: Uint8Array | undefined
  #nowMilliseconds = Date.now()
  #request: Request | undefined
  readonly #credentials = new Map<string, Credential>()

  /** @param requests All of the test. */
  constructor(requests: readonly Request[]) {
    const all = requests.flatMap((each) => (each.retry === undefined ? [each] : [each, each.retry]))
    this.hasVeto = all.some(({ flags }) => flags.has('-verify-fail') || flags.has('-use-custom-verify-callback'))
  }

  /** The clock of every context, in milliseconds since 1970. It stands still but where the runner wants time to pass. */
  readonly now = (): number => this.#nowMilliseconds

  readonly verifyPeer = ({ resumed }: PeerIdentity): Verdict => {
    const { flags: first, retry } = this.#request as Request
    const flags = first.has('-expect-reject-early-data') && retry !== undefined ? retry.flags : first
    // BoringSSL asks about a peer that resumes only where it is told to.
    const isAsked = !resumed || flags.has('-reverify-on-resume')
    return isAsked && flags.has('-verify-fail')
      ? { accept: false, reason: 'the runner wants it refused' }
      : { accept: true }
  }

  begin(request: Request): void {
    this.#request = request
    for (const credential of this.#credentials.values()) credential.forgetUse()
    if (request.resumes && request.flags.has('-renew-ticket')) this.ticketKeys.renew()
  }

  advance(milliseconds: number): void {
    this.#nowMilliseconds += milliseconds
  }

  get session(): Session | undefined {
    return this.#session && Session.deserialize(this.#session)
  }

  keep(session: Session | undefined): void {
    this.#session = session?.serialize()
  }

  /** The same credential whenever it is asked for again: a session is bound to whose key proves the client. */
  credential(key: string, load: () => Credential): Credential {
    const credential = this.#credentials.get(key) ?? load()
    this.#credentials.set(key, credential)
    return credential
  }

  /** Where a server keeps its sessions. */
  storeFor(answers: 'later' | 'at once'): SessionStore {
    const store = this.#store
    return {
      put: (id, session, expiresAtMilliseconds) => {
        this.storedSessions++
        store.put(id, session, expiresAtMilliseconds)
      },
      get: (id, use) => (answers === 'later' ? Promise.resolve(store.get(id, use)) : store.get(id, use)),
    }
  }
}

class RenewableTicketKeys implements TicketKeys {
  #keys: readonly TicketKey[] = [newKey()]

  current(): readonly TicketKey[] {
    return this.#keys
  }

  /** What was sealed before can still be opened. */
  renew(): void {
    this.#keys = [newKey(), ...this.#keys]
  }
}

function newKey(): TicketKey {
  return { name: randomBytes(16), secret: randomBytes(32) }
}
