import { disagreement } from '../../channel/disagreement.ts'
import { equalPublicBytes } from '../../crypto/bytes.ts'
import { fault } from './faults.ts'

/** The bytes that a protocol's name has in ALPN: RFC 7301, Section 6, calls them opaque; those of the registry are UTF-8. */
export function encodeProtocol(name: string): Uint8Array {
  return new TextEncoder().encode(name)
}

/** The server's choice, by its own preference; `undefined` where one side names none. RFC 7301, Section 3.2. */
export function chooseProtocol(own: readonly string[], offered: readonly Uint8Array[] | undefined): string | undefined {
  if (own.length === 0 || offered === undefined) return undefined
  const chosen = own.find((name) => offered.some((each) => equalPublicBytes(each, encodeProtocol(name))))
  if (chosen === undefined) throw disagreement('inner-protocol', 'the client offers no protocol (ALPN) that is served')
  return chosen
}

/** The client's check of the server's choice. */
export function acceptProtocol(own: readonly string[], chosen: Uint8Array | undefined): string | undefined {
  if (chosen === undefined) return undefined
  const name = own.find((each) => equalPublicBytes(chosen, encodeProtocol(each)))
  if (name === undefined) throw fault('wrong-protocol-choice')
  return name
}
