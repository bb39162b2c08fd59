import type { Session } from '../../config/session.ts'

/** The sessions that a connection was given and that nobody has taken: bounded, the oldest goes. */
export class SessionTray {
  #sessions: Session[] = []

  put(session: Session): void {
    if (this.#sessions.push(session) > maxSessions) this.#sessions.shift()
  }

  takeAll(): readonly Session[] {
    const sessions = this.#sessions
    this.#sessions = []
    return sessions
  }
}

/** The newest are kept. */
const maxSessions = 16
