import type { StepListener } from './callbacks.ts'
import { readTimestamps } from './certificate-timestamps.ts'
import { CallbackAnswer } from './constants.ts'
import type { Engine } from './engine.ts'
import { chooseProtocol } from './protocol-choice.ts'
import type { Pointer } from './prototypes.ts'
import type { SessionListener } from './session-callbacks.ts'
import { staple } from './stapling.ts'

/** What OpenSSL is told when it asks during a step. */
export class StepAnswers implements StepListener {
  readonly engine: Engine

  constructor(engine: Engine) {
    this.engine = engine
  }

  get sessions(): SessionListener {
    return this.engine.sessions
  }

  selectProtocol(
    offered: Uint8Array,
  ): { readonly offset: number; readonly length: number } | { readonly answer: number } {
    const choice = chooseProtocol(offered, this.engine.prepared.configuration.innerProtocols ?? [])
    // RFC 7301, Section 3.2: a server that shares no protocol with the client refuses it.
    return choice ?? { answer: CallbackAnswer.ALERT_FATAL }
  }

  chooseByServerName(): number {
    const { sessions, prepared, library } = this.engine
    // Nothing of this attempt will be used.
    if (sessions.hasQuestion) return CallbackAnswer.ALERT_FATAL
    if (!prepared.hasAlternatives) return CallbackAnswer.OK
    const ssl = this.engine.live()
    const group = prepared.chains?.choose(library.native.SSL_get_servername(ssl, 0) ?? undefined)
    const context = group && prepared.contextFor(group)
    if (context !== undefined) library.native.SSL_set_SSL_CTX(ssl, context)
    return CallbackAnswer.OK
  }

  logKey(line: string): void {
    this.engine.keepKeyLine(line)
  }

  status(): number {
    const { stapledStatus, prepared, library } = this.engine
    const ssl = this.engine.live()
    if (stapledStatus !== undefined) return stapledStatus.check(ssl)
    return staple(library, ssl, prepared.ocspResponseFor(library.native.SSL_get_certificate(ssl)))
  }

  verifyChain(storeContext: Pointer): number {
    return this.engine.verification.verifyChain(this.engine.live(), storeContext)
  }

  timestampsFor(certificate: Pointer | null): Uint8Array | undefined {
    const { prepared, library } = this.engine
    return prepared.timestamps.listFor(certificate ?? library.native.SSL_get_certificate(this.engine.live()))
  }

  receiveTimestamps(list: Uint8Array): boolean {
    const timestamps = readTimestamps(list)
    this.engine.timestamps = timestamps
    return timestamps !== undefined
  }

  wantCertificate(): number {
    return this.engine.choice?.wanted(this.engine.live()) ?? 1
  }

  sawMessage(type: number): void {
    this.engine.late?.sawMessage(type)
  }

  judge(found: number, storeContext: Pointer): number {
    return this.engine.verification.judge(found, storeContext)
  }
}
