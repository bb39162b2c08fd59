import type { PauseAnswer, PauseRequest } from '../channel/pause.ts'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import type { TLSClientConfiguration } from '../config/client-configuration.ts'
import type { TLSServerConfiguration } from '../config/server-configuration.ts'
import { UsageError } from '../errors.ts'

/** Who waits for the answer to a pause. */
export interface Paused {
  /** Whether the answer still matters: the channel may have been given up meanwhile. */
  isWanted(): boolean
  /** The channel can go on. */
  resumed(): void
}

/**
 * Obtains what a paused channel asks for and resumes it. Answers at once where the answer is there at once. What fails becomes the
 * answer, so that the channel itself refuses the peer.
 */
export function answerPause(buffer: TLSBuffer, { isWanted, resumed }: Paused): void {
  const request = buffer.pause
  if (request === undefined) throw new UsageError('the channel is not paused')
  const give = (answer: PauseAnswer): void => {
    if (!isWanted()) return
    try {
      buffer.resume(answer)
    } catch (failed) {
      // It was no answer to this request.
      buffer.resume({ failed })
    }
    resumed()
  }
  let answer: PauseAnswer | PromiseLike<PauseAnswer>
  try {
    answer = obtain(buffer, request)
  } catch (failed) {
    give({ failed })
    return
  }
  if (typeof (answer as Partial<PromiseLike<PauseAnswer>> | undefined)?.then === 'function') {
    // Not `then(give, …)`: what a program's listener throws must not become an unhandled rejection.
    Promise.resolve(answer).then(
      (value) => queueMicrotask(() => give(value)),
      (failed) => queueMicrotask(() => give({ failed })),
    )
  } else give(answer as PauseAnswer)
}

function obtain(buffer: TLSBuffer, request: PauseRequest): PauseAnswer | PromiseLike<PauseAnswer> {
  switch (request.kind) {
    case 'verify-peer':
      return required(buffer.context.configuration.verifyPeer, 'verifyPeer')(request.peer)
    case 'sign':
      return request.signer.sign(request.scheme, request.message)
    case 'choose-context': {
      const { chooseContext } = buffer.context.configuration as TLSServerConfiguration
      return required(chooseContext, 'chooseContext')(request.clientHello)
    }
    case 'choose-certificate': {
      const { chooseCertificate } = buffer.context.configuration as TLSClientConfiguration
      return required(chooseCertificate, 'chooseCertificate')(request.request)
    }
    case 'take-session':
      return request.cache.take(request.key)
    case 'get-session':
      return request.store.get(request.id, { once: request.once })
    case 'admit-early-data':
      return request.guard.admit(request.identifier, request.expiresAtMilliseconds)
    case 'find-pre-shared-key': {
      const { findPreSharedKey } = buffer.context.configuration as TLSServerConfiguration
      return required(findPreSharedKey, 'findPreSharedKey')(request.identity)
    }
  }
}

function required<T>(option: T | undefined, name: string): T {
  if (option === undefined) throw new UsageError(`the channel asks for what ${name} answers, which is not configured`)
  return option
}
