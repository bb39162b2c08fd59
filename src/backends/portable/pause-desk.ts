import { type PauseAnswer, type PauseRequest, unanswered } from '../../channel/pause.ts'
import { accepted, type VetoAnswer, vetoed } from '../../channel/veto.ts'
import type { Inputs } from './machine.ts'

interface InputNames {
  readonly sign: 'signature'
  readonly 'verify-peer': 'accepted'
  readonly 'take-session': 'session'
  readonly 'get-session': 'stored_session'
  readonly 'find-pre-shared-key': 'pre_shared_key'
  readonly 'admit-early-data': 'admitted'
  readonly 'choose-certificate': 'chosen'
}

/** What answers each kind of request, as the input that a state waits for. */
const inputNames: InputNames = {
  sign: 'signature',
  'verify-peer': 'accepted',
  'take-session': 'session',
  'get-session': 'stored_session',
  'find-pre-shared-key': 'pre_shared_key',
  'admit-early-data': 'admitted',
  'choose-certificate': 'chosen',
}

/** An answer as the input that a state waits for. */
export interface AnswerInput {
  readonly input: InputNames[keyof InputNames] & keyof Inputs
  readonly value: unknown
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
    if (request !== undefined) this.#answer = judge(request, answer)
  }

  /** Given once. @throws what a refusal or a failure of the signer means for the connection. */
  takeAnswer(): AnswerInput | undefined {
    const answer = this.#answer
    this.#answer = undefined
    if (answer !== undefined && 'error' in answer) throw answer.error
    return answer
  }
}

function judge(request: PauseRequest, answer: PauseAnswer): AnswerInput | { readonly error: Error } {
  switch (request.kind) {
    case 'verify-peer': {
      const verdict = answer as VetoAnswer
      return accepted(verdict) ? { input: 'accepted', value: true } : { error: vetoed(verdict, 'bad_certificate') }
    }
    case 'choose-context':
      throw new RangeError(`nothing here asks for ${request.kind}`)
    default:
      return typeof answer === 'object' && 'failed' in answer
        ? { error: unanswered('portable', request, answer.failed) }
        : { input: inputNames[request.kind], value: answer }
  }
}
