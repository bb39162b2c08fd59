import { ConfigurationError } from '../errors.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { requireWord } from './option-checks.ts'
import { wentOn } from './plain-clients.ts'
import { escaped, readChildren, readTag } from './xml-tags.ts'
import { readStreamHeader, streamsNamespace, tlsNamespace } from './xmpp.ts'

/** Whom a server of XMPP serves. */
export interface XMPPServerOptions {
  /** The domains that are served; a stream to another one is refused. */
  readonly domains: readonly string[]
  /**
   * The number of the stream in plain text, which nobody may be able to guess where the conversation can go on in plain text
   * (RFC 6120, Section 4.7.3.); it has to be given there. A stream that ends with STARTTLS needs none of its own.
   */
  readonly streamID?: string | undefined
}

/** What the other side said of itself, in plain text. Inside TLS a new stream begins. */
export interface XMPPClientLearned {
  /** Whom it wants to reach. */
  readonly to: string
  /** Who it says it is. */
  readonly from: string | undefined
}

/** Towards clients. RFC 6120, Section 5. */
export const xmppClientServer: Dialogue<XMPPServerOptions, XMPPClientLearned> = serverIn(
  'xmpp-client',
  'jabber:client',
  5222,
)

/** Towards other servers. RFC 6120, Section 5. */
export const xmppServerServer: Dialogue<XMPPServerOptions, XMPPClientLearned> = serverIn(
  'xmpp-server',
  'jabber:server',
  5269,
)

function serverIn(
  protocol: 'xmpp-client' | 'xmpp-server',
  namespace: string,
  port: number,
): Dialogue<XMPPServerOptions, XMPPClientLearned> {
  return {
    protocol,
    specification: 'RFC 6120',
    ports: [port],
    role: 'server',
    *speak(talk, { domains, streamID = 'before-tls' }): Script<XMPPClientLearned> {
      if (talk.tls === 'optional' && streamID === 'before-tls') {
        throw new ConfigurationError('dialogue.streamID', 'has to be given where the stream may go on in plain text')
      }
      const [first = ''] = domains.map((domain) => requireWord('domains', domain))
      const stream = yield* readStreamHeader(talk)
      const to = stream.attributes.get('to')
      const isServed = domains.some((domain) => domain.toLowerCase() === to?.toLowerCase())
      const from = isServed && to !== undefined ? to : first
      const id = escaped(requireWord('streamID', streamID))
      const header = `<?xml version='1.0'?><stream:stream xmlns='${namespace}' xmlns:stream='${streamsNamespace}' from='${escaped(from)}' id='${id}' version='1.0'>`
      const end = (condition: string): string =>
        `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`
      if (stream.attributes.get('xmlns') !== namespace) {
        talk.say(header + end('invalid-namespace'))
        throw talk.malformed(`a stream in the namespace ${namespace}`, stream.text)
      }
      if (!isServed || to === undefined) {
        talk.say(header + end('host-unknown'))
        throw talk.notRequested(`the client wants to reach ${JSON.stringify(to ?? '')}, which is not served`)
      }
      const required = talk.tls === 'required' ? '<required/>' : ''
      talk.say(`${header}<stream:features><starttls xmlns='${tlsNamespace}'>${required}</starttls></stream:features>`)

      const learned = { to, from: stream.attributes.get('from') }
      const request = yield* readTag(talk)
      if (request.name === 'starttls' && request.namespace === tlsNamespace && request.kind !== 'close') {
        if (request.kind === 'open') yield* readChildren(talk)
        talk.say(`<proceed xmlns='${tlsNamespace}'/>`)
        return { kind: 'go-ahead', learned }
      }
      if (request.kind === 'close') {
        talk.say('</stream:stream>')
        throw talk.notRequested('the client left without asking for TLS')
      }
      if (talk.tls === 'optional') {
        talk.putBack(new TextEncoder().encode(request.text))
        return wentOn(learned, request.name)
      }
      talk.say(end('policy-violation'))
      throw talk.notRequested('the client went on without asking for TLS')
    },
  }
}
