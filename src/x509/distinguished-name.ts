import { DerReader, Tag } from '../codec/der.ts'

/** A distinguished name: RFC 5280, Section 4.1.2.4. */
export class DistinguishedName {
  readonly encoding: Uint8Array
  /** From the most general (country) to the most specific (common name), as encoded. */
  readonly rdns: readonly (readonly NameAttribute[])[]
  #rdnKeys: readonly string[] | undefined
  #key: string | undefined

  constructor(encoding: Uint8Array, rdns: readonly (readonly NameAttribute[])[]) {
    this.encoding = encoding
    this.rdns = rdns
  }

  get isEmpty(): boolean {
    return this.rdns.length === 0
  }

  /**
   * Two names are the same exactly when their keys are. Text is compared without regard to case, to the string type that carries it,
   * and to leading, trailing and repeated white space (RFC 5280, Section 7.1, with Unicode's NFKC and lower case in place of
   * the full RFC 4518); anything else by its bytes.
   */
  get key(): string {
    this.#key ??= JSON.stringify(this.rdnKeys)
    return this.#key
  }

  /** The same, RDN by RDN. */
  get rdnKeys(): readonly string[] {
    this.#rdnKeys ??= this.rdns.map(rdnKey)
    return this.#rdnKeys
  }

  /** Whether this name lies in the subtree below `base` (or is `base`): RFC 5280, Section 4.2.1.10. */
  isWithin(base: DistinguishedName): boolean {
    const keys = this.rdnKeys
    return base.rdnKeys.every((key, i) => keys[i] === key)
  }

  /** The texts of all attributes of one type, such as `1.2.840.113549.1.9.1` (emailAddress). */
  values(oid: string): string[] {
    return this.rdns.flat().flatMap((attribute) => (attribute.oid === oid ? (attributeText(attribute) ?? []) : []))
  }

  /** In the manner of RFC 4514: `CN=broker.example,O=Example`. The empty name is the empty string. */
  toString(): string {
    return this.rdns.map(formatRdn).reverse().join(',')
  }
}

export interface NameAttribute {
  readonly oid: string
  /** The identifier octet of the value. */
  readonly tag: number
  readonly content: Uint8Array
  /** The value, header included. */
  readonly encoding: Uint8Array
}

export function decodeName(reader: DerReader, field: string): DistinguishedName {
  const encoding = reader.encoding(Tag.SEQUENCE, field)
  const outer = new DerReader(encoding, field)
  const sequence = outer.sequence()
  const rdns: NameAttribute[][] = []
  while (!sequence.done) {
    const set = sequence.set()
    const rdn: NameAttribute[] = []
    do {
      const attribute = set.sequence('attribute')
      const oid = attribute.oid('type')
      rdn.push({ oid, ...attribute.element('value') })
      attribute.end()
    } while (!set.done)
    rdns.push(rdn)
  }
  return new DistinguishedName(encoding, rdns)
}

/** The text of an attribute's value, or `undefined` where it is no string. */
export function attributeText({ tag, content }: NameAttribute): string | undefined {
  switch (tag) {
    case Tag.UTF8_STRING:
      return utf8Text(content)
    case Tag.PRINTABLE_STRING:
    case Tag.IA5_STRING:
    case Tag.NUMERIC_STRING:
    case Tag.VISIBLE_STRING:
    case Tag.TELETEX_STRING:
      return latin1Text(content)
    case Tag.BMP_STRING:
      return wideText(content, 2)
    case Tag.UNIVERSAL_STRING:
      return wideText(content, 4)
    default:
      return undefined
  }
}

function utf8Text(content: Uint8Array): string | undefined {
  try {
    return utf8.decode(content)
  } catch {
    return undefined
  }
}

function latin1Text(content: Uint8Array): string {
  let text = ''
  for (const byte of content) text += String.fromCharCode(byte)
  return text
}

function wideText(content: Uint8Array, width: 2 | 4): string | undefined {
  if (content.length % width !== 0) return undefined
  let text = ''
  for (let at = 0; at < content.length; at += width) {
    let point = 0
    for (let i = at; i < at + width; i++) point = point * 256 + (content[i] as number)
    if (point > 0x10ffff) return undefined
    text += String.fromCodePoint(point)
  }
  return text
}

function rdnKey(rdn: readonly NameAttribute[]): string {
  const keys = rdn.map((attribute) => {
    const text = attributeText(attribute)
    const value = text === undefined ? `#${hex(attribute.encoding)}` : `=${foldText(text)}`
    return `${attribute.oid}${value}`
  })
  return keys.length === 1 ? (keys[0] as string) : JSON.stringify(keys.sort())
}

function foldText(text: string): string {
  const normal = PLAIN.test(text) ? text : text.normalize('NFKC')
  return normal.toLowerCase().trim().replace(/\s+/g, ' ')
}

function formatRdn(rdn: readonly NameAttribute[]): string {
  return rdn
    .map((attribute) => {
      const text = attributeText(attribute)
      const type = SHORT_NAMES.get(attribute.oid)
      if (text === undefined || type === undefined) {
        return `${type ?? attribute.oid}=${text === undefined ? `#${hex(attribute.encoding)}` : escapeText(text)}`
      }
      return `${type}=${escapeText(text)}`
    })
    .join('+')
}

/** RFC 4514, Section 2.4. Control characters are escaped as well, so that a name cannot forge lines of a log. */
function escapeText(text: string): string {
  return (
    text
      .replace(/["+,;<>\\]/g, '\\$&')
      .replace(/^[ #]| $/g, '\\$&')
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
      .replace(/[\u0000-\u001f\u007f]/g, (character) => `\\${hex(Uint8Array.of(character.charCodeAt(0)))}`)
  )
}

function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** RFC 4514, Section 3, and the attributes that OpenSSL writes by these names. */
const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'STREET'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
])

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const PLAIN = /^[\x20-\x7e]*$/
