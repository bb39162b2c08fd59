import type { SigningChain } from '../config/signing-chain.ts'
import { typeOf } from '../config/source.ts'
import { applicationFailure } from './application-call.ts'
import { longestStapledResponseBytes } from './limits.ts'

/** What a chain has to staple, as every backend asks for it: something to send, or nothing. */
export function stapledResponse(
  backend: string,
  ocspResponse: SigningChain['ocspResponse'],
): SigningChain['ocspResponse'] {
  if (ocspResponse === undefined) return undefined
  return () => {
    try {
      return usable(ocspResponse())
    } catch (cause) {
      throw applicationFailure(backend, 'ocspResponse', cause)
    }
  }
}

function usable(response: unknown): Uint8Array | undefined {
  if (response === undefined) return undefined
  if (!(response instanceof Uint8Array)) throw new TypeError(`expected a Uint8Array, got ${typeOf(response)}`)
  if (response.byteLength > longestStapledResponseBytes)
    throw new TypeError(
      `${response.byteLength} bytes are more than the ${longestStapledResponseBytes} that are stapled`,
    )
  return response.byteLength === 0 ? undefined : response
}
