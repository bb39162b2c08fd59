import { readFileSync } from 'node:fs'
import { env } from 'node:process'
import { Certificate } from '../config/certificate.ts'
import { PrivateKey } from '../config/private-key.ts'
import type { SigningChain } from '../config/signing-chain.ts'
import { TrustStore } from '../config/trust-store.ts'
import { UsageFailure } from './exit-code.ts'

/** Reads `--cert` (own certificate first, then intermediates) and `--key` (by default in the same file). */
export function readSigningChain(
  certificateFile: string | undefined,
  keyFile: string | undefined,
): SigningChain | undefined {
  if (certificateFile === undefined) {
    if (keyFile === undefined) return undefined
    throw new UsageFailure('--key alone proves nothing', {
      hint: 'give the certificate that belongs to it with --cert',
    })
  }
  const certificates = certificatesIn('--cert', certificateFile)
  const keyText = readFile('--key', keyFile ?? certificateFile)
  if (/-----BEGIN CERTIFICATE-----/.test(keyText.toString('latin1')) && !hasKey(keyText)) {
    throw new UsageFailure(`${keyFile ?? certificateFile} holds no private key`, {
      hint: 'give the file of the key with --key',
    })
  }
  // A command line is visible to every user of a machine, so the passphrase comes another way.
  const { POLYTLS_PASSPHRASE: passphrase } = env
  const key = PrivateKey.fromBuffer(keyIn(keyText), passphrase === undefined ? {} : { passphrase })
  const [leaf, ...chain] = certificates
  if (leaf === undefined) throw new UsageFailure(`${certificateFile} holds no certificate`)
  return { leaf, key, chain }
}

/** Reads `--ca` and `--client-ca`: any number of certificates in PEM, or one in DER. */
export function readTrustStore(option: string, file: string): TrustStore {
  return TrustStore.fromCertificates(certificatesIn(option, file))
}

function certificatesIn(option: string, file: string): readonly Certificate[] {
  const content = readFile(option, file)
  const blocks = content.toString('latin1').match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g)
  if (blocks !== null) return blocks.map((block) => Certificate.fromBuffer(`${block}\n`))
  // DER is a SEQUENCE.
  if (content[0] === 0x30) return [Certificate.fromBuffer(content)]
  throw new UsageFailure(`${option}: ${file} holds no certificate, neither PEM nor DER`)
}

function hasKey(content: Buffer): boolean {
  return keyBlock.test(content.toString('latin1'))
}

/** The block of the key alone, where it stands in one file with certificates. */
function keyIn(content: Buffer): Uint8Array | string {
  return keyBlock.exec(content.toString('latin1'))?.[0].concat('\n') ?? content
}
const keyBlock = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/

/** @throws UsageFailure naming the option. */
export function readFile(option: string, file: string): Buffer {
  try {
    const content = readFileSync(file)
    if (content.byteLength > 0) return content
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : (code ?? String(cause))
    throw new UsageFailure(`${option}: ${file} cannot be read: ${why}`, { cause })
  }
  throw new UsageFailure(`${option}: ${file} is empty`)
}
