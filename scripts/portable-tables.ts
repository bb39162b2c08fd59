/** What the portable backend implements, as tables for its page: made from the program's own tables, with the places in the RFCs. */
import { readFileSync } from 'node:fs'
import { cipherSuiteName } from 'polytls'
import { isHandshakeScheme } from '#polytls/backends/portable/authentication.js'
import { faultTable } from '#polytls/backends/portable/faults.js'
import type { ExtensionName } from '#polytls/backends/portable/messages/extension-forms.js'
import { extensionTable } from '#polytls/backends/portable/messages/extension-table.js'
import { type HandshakeName, HandshakeType } from '#polytls/backends/portable/messages/handshake-type.js'
import { suites } from '#polytls/backends/portable/suites.js'
import { recommendedSuites } from '#polytls/channel/policies.js'
import { type groupCode, schemeParameters } from '#polytls/crypto/algorithms.js'
import { createNobleCrypto } from '#polytls/crypto/noble/provider.js'

export function suiteTable(): string {
  const rows = [...suites.values()].map(({ code, version }) => [
    `\`${cipherSuiteName(code)}\``,
    version === 'TLSv1.3' ? '1.3' : '1.2',
    recommendedSuites.includes(code) ? 'yes' : 'where `ciphers` names it, or with `leastSecure`',
  ])
  return markdown(['suite', 'TLS', 'by default'], rows)
}

export function groupTable(): string {
  const rows = Object.entries(groups).map(([name, { versions, where }]) => [`\`${name}\``, versions, where])
  return markdown(['group', 'TLS', 'where'], rows)
}

export function schemeTable(): string {
  const { sign } = createNobleCrypto().capabilities.signatureSchemes
  const rows = [...schemeParameters].map(([code, { name }]) => [
    `\`${name}\``,
    isHandshakeScheme(code) ? '1.2, 1.3' : '1.2; in 1.3 for certificates only',
    sign.includes(code) ? 'signs, verifies' : 'verifies',
  ])
  return markdown(['scheme', 'TLS', 'with the provider `noble`'], rows)
}

export function messageTable(): string {
  const rows = Object.keys(HandshakeType).map((name) => {
    const { section, use } = messages[name as HandshakeName]
    return [`\`${name}\``, section, use]
  })
  return markdown(['message', 'RFC', 'what happens'], rows)
}

export function extensionTableMarkdown(): string {
  const rows = Object.entries(extensionTable).map(([name, { code, ...places }]) => {
    const { section, use } = extensions[name as ExtensionName]
    const read = Object.keys(places).map((place) => `\`${place}\``)
    return [`\`${name}\` (${code})`, section, read.join(', '), use]
  })
  return markdown(['extension', 'RFC', 'may stand in', 'what happens'], rows)
}

export function faultTableMarkdown(): string {
  const rows = Object.entries(faultTable).map(([name, { alert, message }]) => [`\`${name}\``, `\`${alert}\``, message])
  return markdown(['fault', 'alert', 'in words'], rows)
}

export function limitTable(): string {
  const rows = limits.map(([file, name, unit, what]) => {
    const text = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    return [what, `${numberIn(text, name, file).toLocaleString('en')} ${unit}`, `\`src/${file}\``]
  })
  return markdown(['what', 'limit', 'where'], rows)
}

// ── what the program's tables do not say ──

const groups: { readonly [G in keyof typeof groupCode]: { readonly versions: string; readonly where: string } } = {
  secp256r1: { versions: '1.2, 1.3', where: 'always' },
  secp384r1: { versions: '1.2, 1.3', where: 'always' },
  secp521r1: { versions: '1.2, 1.3', where: 'always' },
  x25519: { versions: '1.2, 1.3', where: 'always' },
  x448: { versions: '1.2, 1.3', where: 'wherever the provider has it; a Node on BoringSSL has not' },
  X25519MLKEM768: {
    versions: '1.3',
    where:
      'by default with the provider `noble`, and where Node has ML-KEM itself (24.7 and later); on older Nodes when `groups` or `mostSecure` names it',
  },
}

interface Use {
  readonly section: string
  readonly use: string
}

const messages: { readonly [N in HandshakeName]: Use } = {
  hello_request: { section: '5246, 7.4.1.1', use: 'client: passed over, or refused with a warning; never sent' },
  client_hello: { section: '9846, 4.1.2', use: 'sent and read; a second one in TLS 1.2 is a renegotiation: refused' },
  server_hello: { section: '9846, 4.1.3; 5246, 7.4.1.3', use: 'sent and read; also as HelloRetryRequest (4.1.4)' },
  new_session_ticket: { section: '9846, 4.6.1; 5077, 3.3', use: 'sent, and kept as a session' },
  end_of_early_data: { section: '9846, 4.5', use: 'sent and read' },
  encrypted_extensions: { section: '9846, 4.3.1', use: 'sent and read' },
  certificate: { section: '9846, 4.4.2; 5246, 7.4.2', use: 'sent and read, by both roles' },
  server_key_exchange: { section: '8422, 5.4', use: 'sent and read; named curves only' },
  certificate_request: { section: '9846, 4.3.2; 5246, 7.4.4', use: 'sent and read; not after the handshake' },
  server_hello_done: { section: '5246, 7.4.5', use: 'sent and read' },
  certificate_verify: { section: '9846, 4.4.3; 5246, 7.4.8', use: 'sent and read, by both roles' },
  client_key_exchange: { section: '8422, 5.7', use: 'sent and read' },
  finished: { section: '9846, 4.4.4; 5246, 7.4.9', use: 'sent and read' },
  certificate_status: { section: '6066, 8', use: 'sent, and read where it was announced, in TLS 1.2' },
  key_update: { section: '9846, 4.6.3', use: 'read and answered; sent before keys are worn out' },
  compressed_certificate: {
    section: '8879, 4',
    use: 'sent and read, by both roles, where `certificateCompression` says so',
  },
  message_hash: { section: '9846, 4.4.1', use: 'in the transcript only' },
}

const extensions: { readonly [N in ExtensionName]: Use } = {
  server_name: { section: '6066, 3', use: 'sent for names, not for addresses; chooses the certificate' },
  status_request: { section: '6066, 8', use: 'sent where `ocspStapling` says so; a server staples what it is given' },
  supported_groups: { section: '9846, 4.2.7; 8422, 5.1.1', use: 'sent and obeyed' },
  ec_point_formats: { section: '8422, 5.1.2', use: 'uncompressed, in TLS 1.2' },
  signature_algorithms: { section: '9846, 4.2.3; 5246, 7.4.1.4.1', use: 'sent and obeyed' },
  application_layer_protocol_negotiation: { section: '7301', use: 'the server chooses, by its own preference' },
  signed_certificate_timestamp: {
    section: '6962, 3.3.1',
    use: 'sent where `certificateTimestamps` says so; a server sends what it is given',
  },
  extended_master_secret: { section: '7627', use: 'required in TLS 1.2' },
  compress_certificate: { section: '8879, 3', use: 'sent and obeyed where `certificateCompression` says so' },
  record_size_limit: { section: '8449', use: 'sent and obeyed' },
  session_ticket: {
    section: '5077, 3.2',
    use: 'sent and obeyed where sessions are kept; by a server that seals tickets',
  },
  pre_shared_key: { section: '9846, 4.2.11', use: 'sessions and external keys, each with its binder' },
  early_data: {
    section: '9846, 4.2.10',
    use: 'sent where the session allows it; taken where the server allows it and has not seen it, else passed over up to a limit',
  },
  supported_versions: { section: '9846, 4.2.1', use: 'sent and obeyed' },
  cookie: { section: '9846, 4.2.2', use: 'client: sent back; the server asks for none' },
  psk_key_exchange_modes: { section: '9846, 4.2.9', use: 'psk_dhe_ke: always with a key exchange of its own' },
  certificate_authorities: {
    section: '9846, 4.2.4',
    use: 'server: sent in its request; a client passes it to `chooseCertificate`',
  },
  post_handshake_auth: { section: '9846, 4.2.6', use: 'sent where `postHandshakeAuthentication` says so, and obeyed' },
  signature_algorithms_cert: { section: '9846, 4.2.3', use: 'sent where it differs; otherwise read and not used' },
  key_share: { section: '9846, 4.2.8', use: 'sent and read; one share, or two with X25519MLKEM768 first' },
  renegotiation_info: { section: '5746', use: 'empty, in TLS 1.2: required of servers, acknowledged to clients' },
}

const portable = 'backends/portable/'

/** Files below src/, the name in front of each number, its unit, and what it limits. */
const limits: readonly (readonly [file: string, name: string, unit: string, what: string])[] = [
  ['channel/limits.ts', 'incomingLimitBytes', 'bytes', 'ciphertext that is taken and not yet processed'],
  ['channel/limits.ts', 'outgoingLimitBytes', 'bytes', 'ciphertext that waits to be fetched, at which `write` stops'],
  ['channel/limits.ts', 'maxCertificateChainBytes', 'bytes', 'a Certificate or CertificateRequest'],
  [
    `${portable}certificate-compression.ts`,
    'maxCertificateExpansion',
    'times',
    'what a compressed Certificate may grow',
  ],
  [`${portable}message-assembler.ts`, 'maxHandshakeMessageBytes', 'bytes', 'any other handshake message'],
  [`${portable}record/protection.ts`, 'maxContentLength', 'bytes', 'the content of a record, padding included'],
  [`${portable}engine.ts`, 'maxSkippedBytes', 'bytes', 'early data that a server passes over'],
  [`${portable}conduct.ts`, 'maxEmptyRecords', 'records', 'records without content, in a row'],
  [`${portable}conduct.ts`, 'maxWarnings', 'alerts', 'warnings, without data between them'],
  [
    `${portable}conduct.ts`,
    'maxMessagesWithoutData',
    'messages',
    'messages behind the handshake, without data between them',
  ],
  [`${portable}session-tray.ts`, 'maxSessions', 'sessions', 'sessions that nobody has taken; the oldest goes'],
  [`${portable}conduct.ts`, 'maxTicketsWithoutData', 'tickets', 'tickets, without data between them'],
  [`${portable}record/protection13.ts`, "'aes-128-gcm'", 'records', 'one key of AES-GCM in TLS 1.3, then a KeyUpdate'],
  [`${portable}record/protection13.ts`, "'aes-128-ccm'", 'records', 'one key of AES-CCM in TLS 1.3, then a KeyUpdate'],
  [
    `${portable}record/protection12.ts`,
    "'aes-128-gcm'",
    'blocks of 16 bytes',
    'one key of AES-GCM in TLS 1.2, then `ERR_TLS_KEYS_WORN_OUT`',
  ],
  [
    `${portable}record/protection12.ts`,
    "'aes-128-ccm'",
    'blocks of 16 bytes',
    'one key of AES-CCM in TLS 1.2, then `ERR_TLS_KEYS_WORN_OUT`',
  ],
  [`${portable}trust.ts`, 'most', 'stores', 'trust stores that a backend keeps decoded'],
]

/** A constant's value, also where it is not exported: `name = 2 ** 14`, `name: number = 64 * 1024`, `'name': 2 ** 24`. */
function numberIn(text: string, name: string, file: string): number {
  const pattern = new RegExp(
    `^ *(?:export )?(?:const )?${name}(?:: number)?(?: =|:) (\\d+)(?: (\\*\\*?) (\\d+))?,?$`,
    'm',
  )
  const [, first, operator, second] = pattern.exec(text) ?? []
  if (first === undefined) throw new Error(`src/${file} has no number ${name}`)
  if (operator === undefined) return Number(first)
  return operator === '*' ? Number(first) * Number(second) : Number(first) ** Number(second)
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
