import { contextTag, type DerReader, Tag } from '../codec/der.ts'
import { encodeElement, encodeSequence, encodeUnsigned } from '../codec/der-writer.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { disconnectionName, Operation, readLDAPMessage, startTlsName } from './ldap-message.ts'

/** How a client of LDAP asks for TLS. */
export interface LDAPClientOptions {
  /** The number of our request; the program's own ones go on behind it. Default: 1. */
  readonly messageID?: number | undefined
}

/** A server tells nothing of itself before TLS. */
export type LDAPLearned = Readonly<Record<string, never>>

/** RFC 4511, Section 4.14. */
export const ldap: Dialogue<LDAPClientOptions, LDAPLearned> = {
  protocol: 'ldap',
  specification: 'RFC 4511',
  ports: [389],
  role: 'client',
  *speak(talk, { messageID = 1 }): Script<LDAPLearned> {
    const learned = {}
    if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
    talk.say(startTlsRequest(messageID), 'ExtendedRequest StartTLS')
    const response = yield* readLDAPMessage(talk)
    if (response.operation !== Operation.extendedResponse) {
      throw talk.malformed('an ExtendedResponse', `operation 0x${response.operation.toString(16)}`)
    }
    const { resultCode, diagnosticMessage, responseName } = readResult(response.content)
    const result = resultNames[resultCode] ?? `resultCode ${resultCode}`
    const said = diagnosticMessage === '' ? result : `${result}, ${diagnosticMessage}`
    talk.note('server', `ExtendedResponse ${said}`)
    if (response.messageID === 0 && responseName === disconnectionName) {
      throw talk.refused('the server ends the connection', said)
    }
    if (response.messageID !== messageID) throw talk.malformed(`the response to message ${messageID}`, said)
    if (responseName !== undefined && responseName !== startTlsName) throw talk.malformed('the name of StartTLS', said)
    if (resultCode === 0) return { kind: 'go-ahead', learned }
    // What a server says that does not know the operation: RFC 4511, Section 4.12.
    if (resultCode === 2) return { kind: 'not-offered', learned, message: 'the server does not know StartTLS', said }
    return { kind: 'refused', learned, message: 'the server refused StartTLS', said }
  },
}

function startTlsRequest(messageID: number): Uint8Array {
  const requestName = encodeElement(contextTag(0, 'primitive'), new TextEncoder().encode(startTlsName))
  return encodeSequence(encodeUnsigned(messageID), encodeElement(Operation.extendedRequest, requestName))
}

/** LDAPResult and what an extended response has besides. RFC 4511, Sections 4.1.9 and 4.12. */
function readResult(content: DerReader): {
  readonly resultCode: number
  readonly diagnosticMessage: string
  readonly responseName: string | undefined
} {
  const resultCode = content.smallInteger('resultCode', { tag: Tag.ENUMERATED })
  content.octetString('matchedDN')
  const diagnosticMessage = new TextDecoder().decode(content.octetString('diagnosticMessage'))
  content.optional(contextTag(3), 'referral')
  const nameTag = contextTag(10, 'primitive')
  const responseName =
    content.nextTag === nameTag ? new TextDecoder().decode(content.content(nameTag, 'responseName')) : undefined
  const valueTag = contextTag(11, 'primitive')
  if (content.nextTag === valueTag) content.content(valueTag, 'responseValue')
  content.end()
  return { resultCode, diagnosticMessage, responseName }
}

/** RFC 4511, Section 4.1.9: those that occur here. */
const resultNames: { readonly [code: number]: string } = {
  0: 'success',
  1: 'operationsError',
  2: 'protocolError',
  10: 'referral',
  13: 'confidentialityRequired',
  50: 'insufficientAccessRights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
  80: 'other',
}
