import type { ClientCertificateRequest } from '../channel/post-handshake.ts'
import type { PeerIdentity } from '../config/peer-identity.ts'

/** How long an answer may take, and what is done where it takes longer. */
export interface AnswerLimit {
  readonly milliseconds: number
  tooLate(): void
}

/** What a server's socket has asked its client for, as promises. */
export class CertificateRequests {
  #open: readonly Waiting[] = []

  answerTo(request: ClientCertificateRequest, { milliseconds, tooLate }: AnswerLimit): Promise<PeerIdentity> {
    return new Promise((resolve, reject) => {
      // It is the connection that keeps a process running, and not the wait.
      const timer = setTimeout(tooLate, milliseconds).unref()
      this.#open = [...this.#open, { request, timer, resolve, reject }]
    })
  }

  /** Hands over what has come. */
  deliver(): void {
    if (this.#open.length === 0) return
    const open = this.#open
    this.#open = open.filter(({ request }) => request.peer === undefined)
    for (const { request, timer, resolve } of open) {
      if (request.peer === undefined) continue
      clearTimeout(timer)
      resolve(request.peer)
    }
  }

  /** No answer will come any more. The reason is made where somebody waits for one. */
  fail(reason: () => Error): void {
    const open = this.#open
    this.#open = []
    for (const { timer, reject } of open) {
      clearTimeout(timer)
      reject(reason())
    }
  }
}

interface Waiting {
  readonly request: ClientCertificateRequest
  readonly timer: NodeJS.Timeout
  resolve(peer: PeerIdentity): void
  reject(error: Error): void
}
