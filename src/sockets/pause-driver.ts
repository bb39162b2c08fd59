import type { PauseAnswer, PauseRequest } from '../channel/pause.ts'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { UsageError } from '../errors.ts'

/**
 * Obtains what a paused channel asks for and resumes it. Answers at once where the answer is there at once; calls `resumed` when
 * the channel can go on in either case. What fails becomes the answer, so that the channel itself refuses the peer.
 */
export function answerPause(buffer: TLSBuffer, resumed: () => void): void {
  const request = buffer.pause
  if (request === undefined) throw new UsageError('the channel is not paused')
  const give = (answer: PauseAnswer): void => {
    // It may have been given up while the answer was on its way.
    if (buffer.pause !== request) return
    buffer.resume(answer)
    resumed()
  }
  let answer: PauseAnswer | Promise<PauseAnswer>
  try {
    answer = obtain(buffer, request)
  } catch (failed) {
    give({ failed })
    return
  }
  if (answer instanceof Promise) answer.then(give, (failed) => give({ failed }))
  else give(answer)
}

function obtain(buffer: TLSBuffer, request: PauseRequest): PauseAnswer | Promise<PauseAnswer> {
  switch (request.kind) {
    case 'verify-peer': {
      const { verifyPeer } = buffer.context.configuration
      if (verifyPeer === undefined)
        throw new UsageError('the channel asks for a veto that its configuration does not have')
      return verifyPeer(request.peer)
    }
    case 'sign':
      return request.signer.sign(request.scheme, request.message)
    case 'choose-context':
      throw new UsageError('no way to choose a context is configured')
  }
}
