import { contextTag, type DerReader } from '../codec/der.ts'
import { type DistinguishedName, decodeName } from './distinguished-name.ts'

/** A name of one of the forms of RFC 5280, Section 4.2.1.6. */
export type GeneralName =
  | { readonly form: 'dns' | 'email' | 'uri'; readonly value: string }
  | { readonly form: 'ip'; readonly bytes: Uint8Array }
  | { readonly form: 'directory'; readonly name: DistinguishedName }
  | { readonly form: 'other'; readonly type: string }
  | { readonly form: 'x400' | 'edi' | 'registered-id' }

export type NameForm = GeneralName['form']

/** Reads one GeneralName. The length of an IP address is for the caller to judge: name constraints have twice the bytes. */
export function decodeGeneralName(reader: DerReader, field: string): GeneralName {
  const tag = reader.nextTag
  switch (tag) {
    case contextTag(0): {
      const other = reader.nested(tag, field)
      const type = other.oid('type-id')
      const value = other.nested(contextTag(0), 'value')
      value.element()
      value.end()
      other.end()
      return { form: 'other', type }
    }
    case contextTag(1, 'primitive'):
      return { form: 'email', value: decodeAscii(reader, tag, field) }
    case contextTag(2, 'primitive'):
      return { form: 'dns', value: decodeAscii(reader, tag, field) }
    case contextTag(3):
      reader.content(tag, field)
      return { form: 'x400' }
    case contextTag(4): {
      const explicit = reader.nested(tag, field)
      const name = decodeName(explicit, 'directoryName')
      explicit.end()
      return { form: 'directory', name }
    }
    case contextTag(5):
      reader.content(tag, field)
      return { form: 'edi' }
    case contextTag(6, 'primitive'):
      return { form: 'uri', value: decodeAscii(reader, tag, field) }
    case contextTag(7, 'primitive'):
      return { form: 'ip', bytes: reader.content(tag, field) }
    case contextTag(8, 'primitive'):
      reader.oid(field, tag)
      return { form: 'registered-id' }
    default:
      throw reader.fault('a name of a form that does not exist', field)
  }
}

/** `GeneralNames`: at least one. */
export function decodeGeneralNames(reader: DerReader, field: string): GeneralName[] {
  if (reader.done) throw reader.fault('no name at all', field)
  const names: GeneralName[] = []
  while (!reader.done) names.push(decodeGeneralName(reader, field))
  return names
}

function decodeAscii(reader: DerReader, tag: number, field: string): string {
  const content = reader.content(tag, field)
  let text = ''
  for (const byte of content) {
    if (byte >= 0x80) throw reader.fault('an IA5String with something else than ASCII', field)
    text += String.fromCharCode(byte)
  }
  return text
}
