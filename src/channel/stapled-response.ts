import type { SigningChain } from '../config/signing-chain.ts'
import { typeOf } from '../config/source.ts'
import { applicationFailure } from './application-call.ts'

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
  if (response.byteLength > maximumBytes)
    throw new TypeError(`${response.byteLength} bytes are more than can be stapled`)
  return response.byteLength === 0 ? undefined : response
}

/**
 * All extensions of a certificate are one vector, each has a type and a length, and so has a CertificateStatus: RFC 9846, Sections 4.4.2 and
 * 4.4.2.1.
 */
const maximumBytes = 0xffff - 8
