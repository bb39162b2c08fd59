import type { ClientConnection } from './connection.ts'
import type { HandshakeMessage } from './machine.ts'
import { decodeEmptyMessage } from './messages/empty-messages.ts'

/**
 * A server of TLS 1.2 asks for a new handshake: passed over as long as there is one. It is not part of the transcript.
 * RFC 5246, Section 7.4.1.1.
 */
export function passOver<S>({ body }: HandshakeMessage, state: S): S {
  decodeEmptyMessage('hello_request', body)
  return state
}

/** A client of TLS 1.2 whose handshake is done. */
interface InUse {
  readonly name: 'CONNECTED'
  readonly on: { readonly hello_request: (input: HandshakeMessage) => InUse }
}

/** Refuses to begin anew. */
export function inUse12(connection: ClientConnection): InUse {
  const self: InUse = {
    name: 'CONNECTED',
    on: {
      hello_request: (input) => {
        connection.sendWarning('no_renegotiation')
        return passOver(input, self)
      },
    },
  }
  return self
}
