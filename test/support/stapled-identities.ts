import { Certificate, PrivateKey, type SigningChain, TrustStore } from 'polytls'
import { encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { extension, makeKey, type TestKey } from '../x509/make-certificate.ts'
import {
  makeStatusResponse,
  paddedTo,
  type StatusEntry,
  type StatusResponseOptions,
} from '../x509/make-status-response.ts'
import { Authority } from '../x509/verify.ts'
import { hostName } from './identities.ts'

/** An authority that tells of its certificates' state, and a server that it certifies. */
export class StapledIdentity {
  readonly #authority = new Authority('CN=Stapling Authority')
  readonly #key: TestKey = makeKey()
  readonly root: Certificate = Certificate.fromBuffer(this.#authority.root())
  readonly trustStore: TrustStore = TrustStore.fromCertificates([this.root])
  readonly #serial = 7

  /** @param mustStaple Whether the certificate promises a status: RFC 7633. */
  chain(options: Partial<SigningChain> = {}, { mustStaple = false } = {}): SigningChain {
    const certificate = this.#authority.issue(hostName, {
      key: this.#key,
      serial: this.#serial,
      extensions: mustStaple ? [extension('1.3.6.1.5.5.7.1.24', encodeSequence(encodeUnsigned(5)))] : [],
    })
    return {
      leaf: Certificate.fromBuffer(certificate),
      key: PrivateKey.fromBuffer(this.#key.privateKey.export({ format: 'pem', type: 'pkcs8' })),
      ...options,
    }
  }

  /** What the authority says at this time. */
  status(entry: Partial<StatusEntry> = {}, options: Partial<StatusResponseOptions> = {}): Uint8Array {
    const [thisUpdate, nextUpdate] = [-1, 1].map((days) => new Date(Date.now() + days * dayMilliseconds).toISOString())
    return makeStatusResponse({
      issuer: this.#authority,
      entries: [{ serial: this.#serial, thisUpdate: thisUpdate as string, nextUpdate, ...entry }],
      ...options,
    })
  }

  /** The same, in so many bytes. */
  longStatus(length: number): Uint8Array {
    return paddedTo(length, (extensions) => this.status({}, { extensions }))
  }

  /** What somebody else says. */
  forgedStatus(): Uint8Array {
    const other = new StapledIdentity()
    return other.status()
  }
}

const dayMilliseconds = 86_400_000
