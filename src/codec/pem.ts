import { decodeBase64, encodeBase64 } from './base64.ts'
import { DecodeError } from './decode-error.ts'

/** One block of a PEM file (RFC 7468). */
export interface PemBlock {
  /** Such as `CERTIFICATE`, `PRIVATE KEY`, `EC PRIVATE KEY`, `X509 CRL`. */
  readonly label: string
  readonly bytes: Uint8Array<ArrayBuffer>
  /**
   * How the key inside is encrypted, if it is: `pkcs8` for the label `ENCRYPTED PRIVATE KEY`, `legacy` for OpenSSL's older form with
   * `Proc-Type: 4,ENCRYPTED` (whose parameters are in `headers`).
   */
  readonly encryption: 'none' | 'pkcs8' | 'legacy'
  /** RFC 1421 headers such as `DEK-Info`, which only the legacy form has. */
  readonly headers: ReadonlyMap<string, string>
}

/**
 * Every block of a PEM file, in order. Text before, between and after blocks is ignored, as bundles have it; so is white space at line
 * ends. A block that does not end, ends with another label, or is no base64 is a {@link DecodeError} that gives its line.
 */
export function decodePem(input: string | Uint8Array): PemBlock[] {
  const text = typeof input === 'string' ? input : new TextDecoder('latin1').decode(input)
  const lines = text.split(/\r\n|\r|\n/)
  const blocks: PemBlock[] = []
  for (let number = 0; number < lines.length; number++) {
    const label = labelOf(lines[number] as string, 'BEGIN')
    if (label === undefined) continue
    const what = `the PEM block ${label} at line ${number + 1}`
    const body: string[] = []
    for (number++; ; number++) {
      const line = lines[number]
      if (line === undefined) throw new DecodeError(what, 'it does not end')
      const ended = labelOf(line, 'END')
      if (ended === label) break
      if (ended !== undefined) throw new DecodeError(what, `it ends as ${ended}`)
      if (labelOf(line, 'BEGIN') !== undefined) throw new DecodeError(what, 'another block begins within it')
      body.push(line)
    }
    blocks.push(decodeBlock(label, body, what))
  }
  return blocks
}

/** Whether this looks like PEM rather than DER: it has a line that begins a block. */
export function isPem(input: string | Uint8Array): boolean {
  const text = typeof input === 'string' ? input : new TextDecoder('latin1').decode(input)
  return text.includes('-----BEGIN ')
}

/** One block, in lines of 64 characters, with a newline at the end. */
export function encodePem(label: string, bytes: Uint8Array): string {
  const lines = encodeBase64(bytes).match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`
}

function decodeBlock(label: string, body: readonly string[], what: string): PemBlock {
  const headers = new Map<string, string>()
  let at = 0
  if (body[0]?.includes(':')) {
    let name = ''
    for (; at < body.length; at++) {
      const line = body[at] as string
      if (line.trim() === '') break
      const colon = line.indexOf(':')
      if (colon > 0) {
        name = line.slice(0, colon).trim()
        headers.set(name, line.slice(colon + 1).trim())
      } else if (/^[ \t]/.test(line) && name !== '') {
        headers.set(name, `${headers.get(name)}${line.trim()}`)
      } else {
        throw new DecodeError(what, 'a header that has no colon')
      }
    }
  }
  const legacy = headers.get('Proc-Type')?.replace(/\s/g, '') === '4,ENCRYPTED'
  return {
    label,
    bytes: decodeBase64(body.slice(at).join(''), what),
    encryption: legacy ? 'legacy' : label === 'ENCRYPTED PRIVATE KEY' ? 'pkcs8' : 'none',
    headers,
  }
}

function labelOf(line: string, edge: 'BEGIN' | 'END'): string | undefined {
  if (!line.includes('-----')) return undefined
  const match = BOUNDARY.exec(line)
  return match?.[1] === edge ? match[2] : undefined
}

/** RFC 7468, Section 3; a byte order mark, read as UTF-8 or as Latin-1, may come before. */
const BOUNDARY =
  /^(?:\ufeff|\u00ef\u00bb\u00bf)?-----(BEGIN|END) ([\x21-\x2c\x2e-\x7e](?:[ -]?[\x21-\x2c\x2e-\x7e])*)-----[ \t]*$/
