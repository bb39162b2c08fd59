import { contextTag, Tag } from '../codec/der.ts'
import { encodeElement, encodeOctetString, encodeSequence, encodeUnsigned } from '../codec/der-writer.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { type LDAPMessage, Operation, readLDAPMessage, startTlsName } from './ldap-message.ts'
import { wentOn } from './plain-clients.ts'

/** What a client of LDAP said. */
export interface LDAPClientLearned {
  /** The number of its request. */
  readonly messageID: number | undefined
}

/** RFC 4511, Section 4.14. */
export const ldapServer: Dialogue<unknown, LDAPClientLearned> = {
  protocol: 'ldap',
  specification: 'RFC 4511',
  ports: [389],
  role: 'server',
  *speak(talk): Script<LDAPClientLearned> {
    for (;;) {
      const message = yield* readLDAPMessage(talk)
      const { messageID, operation } = message
      if (operation === Operation.unbindRequest) throw talk.notRequested('the client left without asking for TLS')
      if (isStartTls(message)) {
        talk.note('client', 'ExtendedRequest StartTLS')
        talk.say(encodeResponse(message, Operation.extendedResponse, success), 'ExtendedResponse success')
        return { kind: 'go-ahead', learned: { messageID } }
      }
      talk.note('client', `operation 0x${operation.toString(16)}`)
      if (talk.tls === 'optional') {
        talk.putBack(message.bytes)
        return wentOn({ messageID: undefined }, `operation 0x${operation.toString(16)}`)
      }
      if (operation === Operation.abandonRequest) continue
      const response = responseTo[operation]
      if (response === undefined) throw talk.malformed('a request', `operation 0x${operation.toString(16)}`)
      talk.say(encodeResponse(message, response, confidentialityRequired), 'confidentialityRequired')
    }
  },
}

function isStartTls({ operation, content }: LDAPMessage): boolean {
  if (operation !== Operation.extendedRequest) return false
  return new TextDecoder().decode(content.content(contextTag(0, 'primitive'), 'requestName')) === startTlsName
}

function encodeResponse({ messageID }: LDAPMessage, operation: number, resultCode: number): Uint8Array {
  const text = resultCode === success ? '' : 'StartTLS comes first'
  return encodeSequence(
    encodeUnsigned(messageID),
    encodeElement(
      operation,
      encodeElement(Tag.ENUMERATED, Uint8Array.of(resultCode)),
      encodeOctetString(),
      encodeOctetString(new TextEncoder().encode(text)),
      ...(operation === Operation.extendedResponse && resultCode === success
        ? [encodeElement(contextTag(10, 'primitive'), new TextEncoder().encode(startTlsName))]
        : []),
    ),
  )
}

const success = 0
const confidentialityRequired = 13

/** The response that belongs to each request: bind, search, modify, add, delete, modify DN, compare, extended. */
const responseTo: { readonly [operation: number]: number } = {
  96: 0x61,
  99: 0x65,
  102: 0x67,
  104: 0x69,
  74: 0x6b,
  108: 0x6d,
  110: 0x6f,
  [Operation.extendedRequest]: Operation.extendedResponse,
}
