import type { ClientCertificateRequest } from '../channel/post-handshake.ts'
import type { PeerIdentity } from '../config/peer-identity.ts'

/** What a server's socket has asked its client for, as promises. */
export class CertificateRequests {
  #open: readonly Waiting[] = []

  answerTo(request: ClientCertificateRequest): Promise<PeerIdentity> {
    return new Promise((resolve, reject) => {
      this.#open = [...this.#open, { request, resolve, reject }]
    })
  }

  /** Hands over what has come. */
  deliver(): void {
    if (this.#open.length === 0) return
    const open = this.#open
    this.#open = open.filter(({ request }) => request.peer === undefined)
    for (const { request, resolve } of open) if (request.peer !== undefined) resolve(request.peer)
  }

  /** No answer will come any more. The reason is made where somebody waits for one. */
  fail(reason: () => Error): void {
    const open = this.#open
    this.#open = []
    for (const { reject } of open) reject(reason())
  }
}

interface Waiting {
  readonly request: ClientCertificateRequest
  resolve(peer: PeerIdentity): void
  reject(error: Error): void
}
