import type { Reading } from './dialogue.ts'
import { dialogueLimits, type Talk } from './talk.ts'

/** A tag of XML, or the declaration at the beginning. */
export interface XMLTag {
  readonly kind: 'open' | 'close' | 'empty' | 'declaration'
  /** Without the prefix. */
  readonly name: string
  /** What the tag itself says of its namespace; `undefined` where that was said further out. */
  readonly namespace: string | undefined
  readonly attributes: ReadonlyMap<string, string>
  /** As it came. */
  readonly text: string
}

/**
 * The next tag; text before it is skipped. So much of XML is enough for the beginning of a stream of XMPP, where comments, processing
 * instructions and document types do not occur: RFC 6120, Section 11.1.
 */
export function* readTag(talk: Talk): Reading<XMLTag> {
  const text = yield* readTagText(talk)
  const declaration = /^<\?xml\s([^<>]*)\?>$/.exec(text)
  if (declaration !== null) return tagOf('declaration', 'xml', declaration[1] ?? '', text)
  const match = /^<(\/?)([\p{L}_][\p{L}\p{N}_.:-]*)((?:\s+[^\s=<>'"/]+\s*=\s*(?:'[^'<]*'|"[^"<]*"))*)\s*(\/?)>$/u.exec(
    text,
  )
  const [, closing, name = '', attributes = '', empty] = match ?? []
  if (match === null || (closing === '/' && (attributes !== '' || empty === '/')))
    throw talk.malformed('a tag of XML', text)
  return tagOf(closing === '/' ? 'close' : empty === '/' ? 'empty' : 'open', name, attributes, text)
}

/** Reads on to the end of an element that was opened, and gives the tags of its children. */
export function* readChildren(talk: Talk): Reading<readonly XMLTag[]> {
  const children: XMLTag[] = []
  for (let depth = 0; ; ) {
    const tag = yield* readTag(talk)
    if (tag.kind === 'declaration') throw talk.malformed('an element', tag.text)
    if (tag.kind !== 'close' && depth === 0) children.push(tag)
    if (tag.kind === 'open') depth++
    if (tag.kind === 'close' && depth-- === 0) return children
  }
}

/** Text as the value of an attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>'"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

function* readTagText(talk: Talk): Reading<string> {
  let start = -1
  let quote = 0
  for (let at = 0; ; at++) {
    if (at >= dialogueLimits.lineBytes) throw talk.malformed('a tag of XML')
    if (at >= talk.unread.length) yield* talk.more()
    const byte = talk.unread[at]
    if (start < 0) {
      if (byte === LESS) start = at
    } else if (quote !== 0) {
      if (byte === quote) quote = 0
    } else if (byte === APOSTROPHE || byte === QUOTE) quote = byte
    else if (byte === GREATER) {
      const whole = new TextDecoder().decode(yield* talk.take(at + 1))
      const text = whole.slice(whole.indexOf('<'))
      talk.note(talk.peer, text)
      return text
    }
  }
}

function tagOf(kind: XMLTag['kind'], qualified: string, text: string, whole: string): XMLTag {
  const attributes = new Map(
    [...text.matchAll(/([^\s=]+)\s*=\s*(?:'([^']*)'|"([^"]*)")/g)].map(
      ([, key = '', single, double]) => [key, unescaped(single ?? double ?? '')] as const,
    ),
  )
  const colon = qualified.indexOf(':')
  const namespace = attributes.get(colon < 0 ? 'xmlns' : `xmlns:${qualified.slice(0, colon)}`)
  return { kind, name: qualified.slice(colon + 1), namespace, attributes, text: whole }
}

/** The references that XML knows by itself; others stay as they are. */
function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|apos|quot);/g, (_, name: string) => references[name] ?? '')
}
const references: { readonly [name: string]: string } = { amp: '&', lt: '<', gt: '>', apos: "'", quot: '"' }

const APOSTROPHE = 0x27
const QUOTE = 0x22
const LESS = 0x3c
const GREATER = 0x3e
