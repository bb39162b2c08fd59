import type { PauseAnswer, PauseRequest } from '../../channel/pause.ts'
import { accepted, type VetoAnswer, vetoed } from '../../channel/veto.ts'
import { signerFailed } from './failure.ts'
import type { Inputs } from './machine.ts'

/** An answer as the input that a state waits for. */
export interface AnswerInput {
  readonly input: 'signature' | 'accepted'
  readonly value: Inputs['signature' | 'accepted']
}

/** The request that is open, and its answer until the next step takes it. */
export class PauseDesk {
  #request: PauseRequest | undefined
  #answer: AnswerInput | { readonly error: Error } | undefined

  get request(): PauseRequest | undefined {
    return this.#request
  }

  ask(request: PauseRequest): void {
    this.#request = Object.freeze(request)
  }

  /** The answer is of the request's kind: the channel has seen to that. */
  answer(answer: PauseAnswer): void {
    const request = this.#request
    this.#request = undefined
    if (request?.kind === 'sign') {
      this.#answer =
        answer instanceof Uint8Array ? { input: 'signature', value: answer } : { error: signerFailed(answer) }
    } else {
      const verdict = answer as VetoAnswer
      this.#answer = accepted(verdict)
        ? { input: 'accepted', value: true }
        : { error: vetoed(verdict, 'bad_certificate') }
    }
  }

  /** Given once. @throws what a refusal or a failure of the signer means for the connection. */
  takeAnswer(): AnswerInput | undefined {
    const answer = this.#answer
    this.#answer = undefined
    if (answer !== undefined && 'error' in answer) throw answer.error
    return answer
  }
}
