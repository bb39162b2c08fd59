import { UsageError } from '../errors.ts'

/** Secrets for other protocols, bound to this connection. */
export interface KeyMaterial {
  /**
   * Bytes that only the two ends of this connection can compute. Labels are registered with IANA, or begin with `EXPERIMENTAL`.
   * RFC 9846, Section 7.5; RFC 5705 for TLS 1.2, where no context and an empty one differ.
   * @param length In bytes, from 1 to 8,160, which is what the shorter hash allows.
   * @param context 65,535 bytes at most; for TLS 1.2 over OpenSSL 958 together with the label, or it throws a BackendError.
   * @throws UsageError before the handshake is done, and for a label of TLS itself.
   */
  exportKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array

  /**
   * The same from what is known before the handshake is done: for early data, and no better than that.
   * @throws UsageError where no early data was accepted (on a client: sent).
   */
  exportEarlyKeyingMaterial(label: string, length: number, context?: Uint8Array): Uint8Array

  /**
   * What ties an authentication inside to this connection, as SCRAM-PLUS wants it.
   * - `tls-exporter`: RFC 9266; of TLS 1.2 where the session is bound to its handshake (extended_master_secret, RFC 7627).
   * - `tls-server-end-point`: RFC 5929, Section 4; the hash of the server's certificate.
   * @throws UsageError before the handshake is done, and where the connection has no such binding.
   */
  channelBinding(type: ChannelBindingType): Uint8Array
}

/** What ties a login inside TLS to this one connection (RFC 9266), or to the server's certificate (RFC 5929, Section 4). */
export type ChannelBindingType = 'tls-exporter' | 'tls-server-end-point'

/** What `tls-exporter` exports: RFC 9266, Section 4. The context is there, and empty. */
export const exporterBinding: {
  readonly label: string
  readonly length: number
  readonly context: Uint8Array
} = { label: 'EXPORTER-Channel-Binding', length: 32, context: new Uint8Array(0) }

/** @throws TypeError, UsageError for what no exporter can take. */
export function requireExporterArguments(label: string, length: number, context: Uint8Array | undefined): void {
  // None is empty: TLS 1.3 wants a character (RFC 9846, Section 7.1), and a registered one is no prefix of others (RFC 5705, Section 6).
  if (typeof label !== 'string' || label === '') throw new TypeError('label: expected a text')
  if (context !== undefined && !(context instanceof Uint8Array)) throw new TypeError('context: expected a Uint8Array')
  if (!Number.isInteger(length) || length < 1 || length > maxExportBytes)
    throw new UsageError(`length: ${length} is not a whole number of bytes from 1 to 8,160`)
  // Of TLS 1.3 they all begin with `tls13 `, which keeps them apart; of TLS 1.2 they are these.
  if (ownLabels.has(label)) throw new UsageError(`"${label}" is a label of TLS itself: its secrets are not exported`)
  if (new TextEncoder().encode(label).length > maxLabelBytes)
    throw new UsageError(`label: more than ${maxLabelBytes} bytes`)
  if (context !== undefined && context.length > maxContextBytes)
    throw new UsageError(`context: more than ${maxContextBytes} bytes`)
}

/** @throws UsageError for a binding that nobody knows. */
export function requireBindingType(type: ChannelBindingType): void {
  if (type !== 'tls-exporter' && type !== 'tls-server-end-point')
    throw new UsageError(
      `channelBinding: there is no '${String(type)}', only 'tls-exporter' and 'tls-server-end-point'`,
    )
}

export function noEarlyData(): UsageError {
  return new UsageError('exportEarlyKeyingMaterial: there was no early data')
}

/** Where a certificate is signed by an algorithm that names no hash, such as Ed25519: RFC 5929 leaves that open. */
export function noEndPointBinding(): UsageError {
  return new UsageError("tls-server-end-point is not defined for this server's certificate", {
    hint: 'tls-exporter is there for every connection of TLS 1.3',
  })
}

/** HKDF-Expand with SHA-256: RFC 5869, Section 2.3. */
const maxExportBytes = 255 * 32
/** What the field of TLS 1.3 has left behind `tls13 `. */
const maxLabelBytes = 249
/** RFC 5705, Section 4: its length has two bytes. TLS 1.3 hashes it, but a program should not need to know the version. */
const maxContextBytes = 0xffff
/** RFC 5705, Section 4. */
const ownLabels: ReadonlySet<string> = new Set([
  'client finished',
  'server finished',
  'master secret',
  'extended master secret',
  'key expansion',
])
