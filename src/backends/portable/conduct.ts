import { alertName } from '../../alerts.ts'
import { fault } from './faults.ts'

/** Counts what a peer sends without saying anything, so that it cannot keep us busy for nothing. */
export class Conduct {
  #emptyRecords = 0
  #warnings = 0
  #messages = 0
  #tickets = 0

  /** A record without content, or a change_cipher_spec that is dropped. */
  noteEmptyRecord(): void {
    if (++this.#emptyRecords > maxEmptyRecords) throw fault('too-many-empty-records')
  }

  noteHandshakeRecord(): void {
    this.#emptyRecords = 0
  }

  /** A warning that is passed over. */
  noteWarning(code: number): void {
    if (++this.#warnings > maxWarnings) throw fault('too-many-warnings', alertName(code))
  }

  /** A handshake message on an established connection. */
  noteMessage(): void {
    if (++this.#messages > maxMessagesWithoutData) throw fault('too-many-post-handshake-messages')
  }

  /** A ticket: servers may send many, and each costs a little. */
  noteTicket(): void {
    if (++this.#tickets > maxTicketsWithoutData) throw fault('too-many-post-handshake-messages', 'tickets')
  }

  noteData(): void {
    this.#emptyRecords = 0
    this.#warnings = 0
    this.#messages = 0
    this.#tickets = 0
  }
}

/** Consecutive records that carry nothing. */
const maxEmptyRecords = 32
/** Warnings without data between them. */
const maxWarnings = 4
/** Tickets without data between them. */
const maxTicketsWithoutData = 1024
/** KeyUpdates and whatever else comes behind the handshake, without data between them. */
const maxMessagesWithoutData = 32
