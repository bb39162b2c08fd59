import { exporterBinding, noEarlyData, requireExporterArguments } from '../../channel/key-material.ts'
import { BackendError, UsageError } from '../../errors.ts'
import { Ctrl, EarlyDataStatus, NID, ProtocolVersion } from './constants.ts'
import { decodeDER } from './der.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'

/** Which library a connection belongs to, and how errors call it. */
export interface Exporter {
  readonly library: Library
  readonly backendName: string
}

/** RFC 9846, Section 7.5; RFC 5705. */
export function exportKeyingMaterial(
  { library: { native }, backendName }: Exporter,
  ssl: Pointer,
  label: string,
  length: number,
  context: Uint8Array | undefined,
): Uint8Array {
  requireExporterArguments(label, length, context)
  const material = new Uint8Array(length)
  const [labelLength, contextLength] = [Buffer.byteLength(label), context?.byteLength ?? 0]
  native.ERR_clear_error()
  const succeeded = native.SSL_export_keying_material(
    ssl,
    material,
    length,
    label,
    labelLength,
    context ?? null,
    contextLength,
    context === undefined ? 0 : 1,
  )
  if (succeeded === 1) return material
  throw new BackendError(backendName, `SSL_export_keying_material failed: ${textOf(takeErrors(native))}`)
}

/** RFC 9846, Section 7.5: from the secret of early data. */
export function exportEarlyKeyingMaterial(
  { library: { native }, backendName }: Exporter,
  ssl: Pointer,
  isServer: boolean,
  label: string,
  length: number,
  context: Uint8Array | undefined,
): Uint8Array {
  requireExporterArguments(label, length, context)
  const status = native.SSL_get_early_data_status(ssl)
  // A client has the secret as soon as it has sent some, a server when it takes it.
  if (status === EarlyDataStatus.NOT_SENT || (isServer && status !== EarlyDataStatus.ACCEPTED)) throw noEarlyData()
  const material = new Uint8Array(length)
  native.ERR_clear_error()
  const succeeded = native.SSL_export_keying_material_early(
    ssl,
    material,
    length,
    label,
    Buffer.byteLength(label),
    context ?? null,
    context?.byteLength ?? 0,
  )
  if (succeeded === 1) return material
  throw new BackendError(backendName, `SSL_export_keying_material_early failed: ${textOf(takeErrors(native))}`)
}

/** RFC 9266. */
export function exporterBindingOf(exporter: Exporter, ssl: Pointer): Uint8Array {
  const { native } = exporter.library
  // RFC 9266, Section 4.2: without it another connection can have the same secrets.
  const isBound = native.SSL_version(ssl) === ProtocolVersion.TLS1_3 || hasExtendedMasterSecret(native, ssl)
  if (!isBound)
    throw new UsageError('tls-exporter: the peer does not bind its session to the handshake (extended_master_secret)')
  const { label, length, context } = exporterBinding
  return exportKeyingMaterial(exporter, ssl, label, length, context)
}

/** For what the peer has shown, DER, here or where the session began. RFC 5929, Section 4; `undefined` where it is not defined. */
export function endPointOfPeer(library: Library, [leaf]: readonly Uint8Array[]): Uint8Array | undefined {
  const certificate = leaf === undefined ? null : decodeDER(library, leaf, 'certificate')
  try {
    return endPointOf(library, certificate)
  } finally {
    library.native.X509_free(certificate)
  }
}

/** The same for a certificate that OpenSSL has. */
export function endPointOf(library: Library, certificate: Pointer | null): Uint8Array | undefined {
  const { native } = library
  const hash = certificate === null ? undefined : endPointHash(library, certificate)
  if (certificate === null || hash === undefined) return undefined
  const digest = new Uint8Array(64)
  const length = new Uint32Array(1)
  native.X509_digest(certificate, native.EVP_get_digestbyname(hash), digest, length)
  return digest.slice(0, length[0])
}

function hasExtendedMasterSecret(native: Library['native'], ssl: Pointer): boolean {
  return native.SSL_ctrl(ssl, Ctrl.GET_EXTMS_SUPPORT, 0, null) === 1
}

/** By OpenSSL's name. RFC 5929, Section 4.1: the hash of the signature, but no MD5 and no SHA-1. */
function endPointHash({ native }: Library, certificate: Pointer): string | undefined {
  const hash = new Int32Array(1)
  native.X509_get_signature_info(certificate, hash, null, null, null)
  native.ERR_clear_error()
  return hashNames.get(hash[0] ?? 0)
}

const hashNames: ReadonlyMap<number, string> = new Map([
  [NID.md5, 'SHA256'],
  [NID.sha1, 'SHA256'],
  [NID.sha256, 'SHA256'],
  [NID.sha384, 'SHA384'],
  [NID.sha512, 'SHA512'],
])
