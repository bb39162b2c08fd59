import { ConfigurationError } from '../errors.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { requireWord } from './option-checks.ts'
import type { Talk } from './talk.ts'
import { escaped, readChildren, readTag, type XMLTag } from './xml-tags.ts'

/** Whom a client or a server of XMPP wants to reach, as what. */
export interface XMPPClientOptions {
  /** The domain that is served, which need not be the name of the host; the certificate has to be for it. Default: the server's name. */
  readonly domain?: string | undefined
  /** Who we are: for a server its own domain. Default: not said. */
  readonly from?: string | undefined
}

/** What the server's stream said of itself, in plain text: nobody has vouched for it. Inside TLS a new stream begins. */
export interface XMPPLearned {
  readonly streamID: string | undefined
  /** The names of the features, such as `mechanisms`. */
  readonly features: readonly string[]
  /** Whether the server lets nobody go on without TLS. */
  readonly isRequired: boolean
}

export const tlsNamespace = 'urn:ietf:params:xml:ns:xmpp-tls'
export const streamsNamespace = 'http://etherx.jabber.org/streams'

/** A client towards a server. RFC 6120, Section 5. */
export const xmppClient: Dialogue<XMPPClientOptions, XMPPLearned> = dialogueIn('xmpp-client', 'jabber:client', 5222)

/** A server towards another one. RFC 6120, Section 5. */
export const xmppServer: Dialogue<XMPPClientOptions, XMPPLearned> = dialogueIn('xmpp-server', 'jabber:server', 5269)

function dialogueIn(
  protocol: 'xmpp-client' | 'xmpp-server',
  namespace: string,
  port: number,
): Dialogue<XMPPClientOptions, XMPPLearned> {
  return {
    protocol,
    specification: 'RFC 6120',
    ports: [port],
    role: 'client',
    *speak(talk, options): Script<XMPPLearned> {
      talk.say(streamHeader(talk, namespace, options))
      const stream = yield* readStreamHeader(talk)
      const streamID = stream.attributes.get('id')
      if (!stream.attributes.has('version')) {
        const message = 'the server speaks XMPP of before 1.0, which has no STARTTLS'
        return { kind: 'not-offered', learned: { streamID, features: [], isRequired: false }, message }
      }
      const features = yield* readTag(talk)
      if (features.name === 'error' && features.kind === 'open') throw yield* streamError(talk)
      if (features.name !== 'features' || features.kind === 'close') throw talk.malformed('features', features.text)
      const { names, starttls, isRequired } = yield* readFeatures(talk, features)
      const learned = { streamID, features: names, isRequired }
      if (talk.tls === 'declined') return { kind: 'declined', learned, message: 'TLS was not asked for' }
      if (!starttls) return { kind: 'not-offered', learned, message: 'the server does not offer STARTTLS' }

      talk.say(`<starttls xmlns='${tlsNamespace}'/>`)
      const answer = yield* readTag(talk)
      if (answer.namespace === tlsNamespace && answer.kind !== 'close') {
        // Which may be written as two tags.
        if (answer.kind === 'open') yield* readChildren(talk)
        if (answer.name === 'proceed') return { kind: 'go-ahead', learned }
        // The server closes its stream behind it: there is no going on.
        if (answer.name === 'failure') throw talk.refused('the server refused STARTTLS', answer.text)
      }
      if (answer.name === 'error' && answer.kind === 'open') throw yield* streamError(talk)
      throw talk.malformed('proceed or failure', answer.text)
    },
  }
}

function streamHeader({ surroundings }: Talk, namespace: string, { domain, from }: XMPPClientOptions): string {
  const to = domain ?? surroundings.serverName
  if (to === undefined) {
    throw new ConfigurationError('dialogue.domain', 'has to be given where there is no name of a server')
  }
  const words = [
    `xmlns='${namespace}'`,
    `xmlns:stream='${streamsNamespace}'`,
    ...(from === undefined ? [] : [`from='${escaped(requireWord('from', from))}'`]),
    `to='${escaped(requireWord('domain', to))}'`,
    "version='1.0'",
  ]
  return `<?xml version='1.0'?><stream:stream ${words.join(' ')}>`
}

/** The tag that opens the peer's stream. */
export function* readStreamHeader(talk: Talk): Generator<undefined, XMLTag, undefined> {
  let tag = yield* readTag(talk)
  if (tag.kind === 'declaration') tag = yield* readTag(talk)
  if (tag.kind === 'open' && tag.name === 'stream' && tag.namespace === streamsNamespace) return tag
  throw talk.malformed('a stream of XMPP', tag.text)
}

/** The children of `features`, and those of `starttls` among them. */
function* readFeatures(
  talk: Talk,
  features: XMLTag,
): Generator<undefined, { names: readonly string[]; starttls: boolean; isRequired: boolean }, undefined> {
  const names: string[] = []
  let starttls = false
  let isRequired = false
  while (features.kind === 'open') {
    const tag = yield* readTag(talk)
    if (tag.kind === 'close') break
    if (tag.kind === 'declaration') throw talk.malformed('a feature', tag.text)
    names.push(tag.name)
    const children = tag.kind === 'open' ? yield* readChildren(talk) : []
    if (tag.name !== 'starttls' || tag.namespace !== tlsNamespace) continue
    starttls = true
    isRequired = children.some(({ name }) => name === 'required')
  }
  return { names, starttls, isRequired }
}

function* streamError(talk: Talk): Generator<undefined, Error, undefined> {
  const [reason] = yield* readChildren(talk)
  return talk.refused('the server ends the stream', reason?.name ?? 'without a reason')
}
