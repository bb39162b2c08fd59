import { Certificate } from '../config/certificate.ts'
import type { CertificateRequest } from '../config/certificate-request.ts'
import type { ClientHello, ContextChoice } from '../config/client-hello.ts'
import type { PeerIdentity, Verdict } from '../config/peer-identity.ts'
import { PreSharedKey } from '../config/pre-shared-key.ts'
import { PrivateKey } from '../config/private-key.ts'
import type { CodePoint } from '../config/registry.ts'
import type { ReplayGuard } from '../config/replay-guard.ts'
import type { SessionStore } from '../config/server-sessions.ts'
import { Session } from '../config/session.ts'
import type { SessionCache } from '../config/session-cache.ts'
import type { Signer } from '../config/signer.ts'
import type { SigningChain } from '../config/signing-chain.ts'
import type { BackendError } from '../errors.ts'
import { applicationFailure } from './application-call.ts'
import { isServerContext } from './given-context.ts'

/**
 * What a paused channel asks of its driver. Nothing is decided inside the channel: the driver obtains the answer, now or later, and
 * calls `resume`. This is how a synchronous channel meets asynchronous keys and decisions.
 */
export type PauseRequest =
  | SignRequest
  | VerifyPeerRequest
  | ChooseContextRequest
  | ChooseCertificateRequest
  | TakeSessionRequest
  | GetSessionRequest
  | AdmitEarlyDataRequest
  | FindPreSharedKeyRequest

/** Sign `message` with a key that is elsewhere. Answered by the signature. */
export interface SignRequest {
  readonly kind: 'sign'
  readonly signer: Signer
  readonly scheme: CodePoint
  readonly message: Uint8Array
}

/** The application's veto over a peer that the backend verified. Answered by a Verdict. */
export interface VerifyPeerRequest {
  readonly kind: 'verify-peer'
  readonly peer: PeerIdentity
}

/** Which context serves this ClientHello: the configuration's `chooseContext`. */
export interface ChooseContextRequest {
  readonly kind: 'choose-context'
  readonly clientHello: ClientHello
}

/** What a client shows: the configuration's `chooseCertificate`. */
export interface ChooseCertificateRequest {
  readonly kind: 'choose-certificate'
  readonly request: CertificateRequest
}

/** A session to resume, from the application's cache. */
export interface TakeSessionRequest {
  readonly kind: 'take-session'
  readonly cache: SessionCache
  readonly key: string
}

/** A session that a client wants to resume, from the server's store. */
export interface GetSessionRequest {
  readonly kind: 'get-session'
  readonly store: SessionStore
  readonly id: Uint8Array
  readonly once: boolean
}

/** Whether early data is seen for the first time. Answered by true or false. */
export interface AdmitEarlyDataRequest {
  readonly kind: 'admit-early-data'
  readonly guard: ReplayGuard
  readonly identifier: Uint8Array
  readonly expiresAtMilliseconds: number
}

/** The key that a client calls by this name: the configuration's `findPreSharedKey`. */
export interface FindPreSharedKeyRequest {
  readonly kind: 'find-pre-shared-key'
  readonly identity: Uint8Array
}

/** What answers each kind of request. */
export interface PauseAnswers {
  readonly sign: Uint8Array
  readonly 'verify-peer': Verdict
  readonly 'choose-context': ContextChoice
  readonly 'choose-certificate': SigningChain | undefined
  readonly 'take-session': Session | undefined
  readonly 'get-session': Uint8Array | undefined
  readonly 'admit-early-data': boolean
  readonly 'find-pre-shared-key': PreSharedKey | undefined
}

/** The answer to the request that is open, or the reason why there is none; the channel then fails with that reason as cause. */
export type PauseAnswer = PauseAnswers[PauseRequest['kind']] | { readonly failed: unknown }

/** @throws TypeError where the answer is not of the request's kind. */
export function requireAnswer({ kind }: PauseRequest, answer: PauseAnswer): void {
  if (has(answer, 'failed')) return
  const [isFitting, expected] = answerForms[kind]
  if (!isFitting(answer)) throw new TypeError(`resume: expected ${expected} or { failed }`)
}

/** What a connection fails with where whoever was asked had no answer. A veto that fails is a refusal, and is for `vetoed`. */
export function unanswered(
  backendName: string,
  { kind }: Exclude<PauseRequest, VerifyPeerRequest>,
  cause: unknown,
): BackendError {
  return applicationFailure(backendName, asked[kind], cause)
}

/** Who was asked, by the name that the configuration has for it. */
const asked: { readonly [K in Exclude<PauseRequest['kind'], 'verify-peer'>]: string } = {
  sign: 'the signer',
  'choose-context': 'chooseContext',
  'choose-certificate': 'chooseCertificate',
  'take-session': 'sessions.take',
  'get-session': 'sessions.store.get',
  'admit-early-data': 'replayGuard.admit',
  'find-pre-shared-key': 'findPreSharedKey',
}

const answerForms: {
  readonly [K in PauseRequest['kind']]: readonly [(answer: unknown) => boolean, expected: string]
} = {
  sign: [isBytes, 'a signature as a Uint8Array,'],
  'verify-peer': [(answer) => has(answer, 'accept'), '{ accept: true }, { accept: false, reason }'],
  'choose-context': [
    (answer) => answer === undefined || isRefusal(answer) || isServerContext(answer),
    'a ServerContext, undefined, { refuse }',
  ],
  'choose-certificate': [(answer) => answer === undefined || isSigningChain(answer), 'a SigningChain, undefined'],
  'take-session': [(answer) => answer === undefined || answer instanceof Session, 'a Session, undefined'],
  'get-session': [(answer) => answer === undefined || isBytes(answer), 'a Uint8Array, undefined'],
  'admit-early-data': [(answer) => typeof answer === 'boolean', 'true, false'],
  'find-pre-shared-key': [
    (answer) => answer === undefined || answer instanceof PreSharedKey,
    'a PreSharedKey, undefined',
  ],
}

function has(value: unknown, property: string): boolean {
  return typeof value === 'object' && value !== null && property in value
}

/** What the client is told goes out as it is, so it has to be one of those that refuse. */
function isRefusal(value: unknown): boolean {
  const { refuse, alert = 'handshake_failure' } = (value ?? {}) as {
    readonly refuse?: unknown
    readonly alert?: unknown
  }
  return (
    typeof refuse === 'string' && ['handshake_failure', 'unrecognized_name', 'access_denied'].includes(String(alert))
  )
}

function isSigningChain(value: unknown): boolean {
  const { leaf, key, chain = [] } = (value ?? {}) as { readonly [K in keyof SigningChain]?: unknown }
  const isWhole = Array.isArray(chain) && chain.every((each) => each instanceof Certificate)
  return leaf instanceof Certificate && key instanceof PrivateKey && isWhole
}

function isBytes(value: unknown): boolean {
  return value instanceof Uint8Array
}
