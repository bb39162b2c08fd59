import { ByteReader } from '../../../codec/byte-reader.ts'
import type { ByteWriter } from '../../../codec/byte-writer.ts'
import { ProtocolError } from '../../../errors.ts'
import type { ExtensionName, ExtensionPlace, ExtensionsIn, UnknownExtension } from './extension-forms.ts'
import { extensionCodec, extensionName, extensionTable } from './extension-table.ts'

/** The codes of the extensions that a ClientHello or CertificateRequest of ours had: an answer may have no other. */
export type OfferedExtensions = ReadonlySet<number>

/** The codes of the extensions in a message that is to be sent. */
export function offeredExtensions(extensions: ExtensionsIn<ExtensionPlace>): Set<number> {
  const offered = new Set<number>()
  for (const [name, value] of Object.entries(extensions)) {
    if (value === undefined) continue
    if (name !== 'unknown') offered.add(extensionTable[name as ExtensionName].code)
    else for (const { type } of value as readonly UnknownExtension[]) offered.add(type)
  }
  return offered
}

/**
 * Reads the list of extensions up to its end. `offered` is given where the message is an answer.
 * @throws DecodeError for a list or an extension that cannot be decoded, and for duplicates; ProtocolError with
 * `unsupported_extension` for an answer to what was not asked, with `illegal_parameter` for an extension that has no place in this
 * message. RFC 9846, Section 4.2.
 */
export function decodeExtensions<P extends ExtensionPlace>(
  place: P,
  list: ByteReader,
  offered?: OfferedExtensions,
): ExtensionsIn<P> {
  const extensions: Record<string, unknown> & { unknown?: UnknownExtension[] } = {}
  const unknown: UnknownExtension[] = []
  const seen = new Set<number>()
  while (list.remaining > 0) {
    const type = list.u16('extension_type')
    const body = list.vector16('extension_data')
    if (seen.has(extensionTable.pre_shared_key.code) && place === 'client_hello') {
      // RFC 9846, Section 4.2.11: what binders sign ends in front of them.
      throw new ProtocolError('pre_shared_key is not the last extension', { alert: 'illegal_parameter' })
    }
    if (seen.has(type)) throw list.fault(`the extension ${label(type)} stands twice`)
    seen.add(type)
    const name = extensionName(type)
    // Also where we did send it, but only to see whether it is ignored: RFC 8701.
    if (offered !== undefined && (name === undefined || !mayAnswer(place, type, offered))) {
      throw new ProtocolError(`${label(type)} in ${place} answers an extension that we had not sent`, {
        alert: 'unsupported_extension',
      })
    }
    if (name === undefined) {
      if (unknown.length === 0) extensions.unknown = unknown
      unknown.push({ type, body })
      continue
    }
    const codec = extensionCodec(name, place)
    if (codec === undefined) {
      throw new ProtocolError(`${name} does not belong in ${place}`, { alert: 'illegal_parameter' })
    }
    const reader = new ByteReader(body, name)
    extensions[name] = codec.decode(reader)
    reader.end()
  }
  // Every value was made by the codec that the table has for its name in this place.
  return extensions as ExtensionsIn<P>
}

/** Writes the list with its length. */
export function encodeExtensions<P extends ExtensionPlace>(
  place: P,
  writer: ByteWriter,
  extensions: ExtensionsIn<P>,
): void {
  writer.vector16((list) => {
    for (const [name, value] of Object.entries(extensions)) {
      if (value === undefined) continue
      if (name === 'unknown') {
        for (const { type, body } of value as readonly UnknownExtension[]) list.u16(type).vector16(body)
        continue
      }
      const known = name as ExtensionName
      const codec = extensionCodec(known, place)
      if (codec === undefined) throw new RangeError(`${name} does not belong in ${place}`)
      list.u16(extensionTable[known].code).vector16((body) => codec.encode(body, value))
    }
  })
}

/** RFC 9846, Section 4.2.2: a cookie is the one extension of a HelloRetryRequest that needs no offer. */
function mayAnswer(place: ExtensionPlace, type: number, offered: OfferedExtensions): boolean {
  return offered.has(type) || (type === extensionTable.cookie.code && place === 'hello_retry_request')
}

function label(type: number): string {
  return extensionName(type) ?? `extension ${type}`
}
