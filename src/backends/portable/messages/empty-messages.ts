import { decodeWhole, encodeHandshake } from './frame.ts'

/** Messages that say all by being there. RFC 5246, Sections 7.4.1.1 and 7.4.5; RFC 9846, Section 4.5. */
export type EmptyMessageName = 'hello_request' | 'server_hello_done' | 'end_of_early_data'
export interface HelloRequest {
  readonly type: 'hello_request'
}
export interface ServerHelloDone {
  readonly type: 'server_hello_done'
}
export interface EndOfEarlyData {
  readonly type: 'end_of_early_data'
}

export function decodeEmptyMessage<N extends EmptyMessageName>(type: N, body: Uint8Array): { readonly type: N } {
  return decodeWhole(type, body, () => ({ type }))
}

export function encodeEmptyMessage(type: EmptyMessageName): Uint8Array<ArrayBuffer> {
  return encodeHandshake(type, () => {}, 4)
}
