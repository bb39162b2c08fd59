import { DecodeError } from '../../codec/decode-error.ts'
import { contextTag, DerReader, Tag } from '../../codec/der.ts'
import { decodePem, isPem } from '../../codec/pem.ts'
import type { Revocation, RevocationList } from '../../config/revocation.ts'
import { ConfigurationError } from '../../errors.ts'
import { VerifyFlag } from './constants.ts'
import { bytesOf } from './credentials.ts'
import { takeErrors, textOf } from './fault.ts'
import type { Library } from './library.ts'
import type { Pointer } from './prototypes.ts'
import { readVerifyFailure, type VerifyFailure } from './verify-result.ts'

/**
 * The lists of a configuration, each in DER. One that could never tell the status of anything, which OpenSSL would pass over, is a
 * mistake of the caller's, and refused at once.
 */
export function encodedLists(lists: readonly RevocationList[]): readonly Uint8Array[] {
  return lists.flatMap(({ source }, index) => {
    const field = `revocation.lists[${index}]`
    const bytes: Uint8Array = bytesOf(field, source)
    try {
      const ders: readonly Uint8Array[] = isPem(bytes)
        ? decodePem(bytes).flatMap((block) => (block.label === 'X509 CRL' ? [block.bytes] : []))
        : [bytes]
      if (ders.length === 0) throw new ConfigurationError(field, 'no revocation list in it can be read: there is none')
      for (const der of ders) {
        const problem = findScopeProblem(der)
        if (problem === undefined) continue
        throw new ConfigurationError(field, `a list in it cannot be used: ${problem}`, {
          hint: 'give the complete list that the issuer of the certificates signs itself',
        })
      }
      return ders
    } catch (cause) {
      if (!(cause instanceof DecodeError)) throw cause
      throw new ConfigurationError(field, `a revocation list in it cannot be read: ${cause.message}`, { cause })
    }
  })
}

export function addRevocationList({ native, koffi }: Library, store: Pointer, der: Uint8Array): void {
  native.ERR_clear_error()
  const list = native.d2i_X509_CRL(null, BigUint64Array.of(koffi.address(der)), der.byteLength)
  const errors = takeErrors(native)
  if (list === null)
    throw new ConfigurationError('revocation.lists', `a revocation list in it cannot be read: ${textOf(errors)}`)
  try {
    native.X509_STORE_add_crl(store, list)
  } finally {
    native.X509_CRL_free(list)
  }
}

export function revocationFlags(revocation: Revocation | undefined): number {
  if (revocation === undefined) return 0
  return revocation.scope === 'leaf' ? VerifyFlag.CRL_CHECK : VerifyFlag.CRL_CHECK | VerifyFlag.CRL_CHECK_ALL
}

/** Takes what OpenSSL finds about revocation as the configuration says, where that differs from OpenSSL's own policy. */
export class RevocationJudge {
  readonly #library: Library
  readonly #missing: 'accept' | 'reject'
  #doubt: VerifyFailure | undefined

  constructor(library: Library, { missing = 'reject' }: Revocation) {
    this.#library = library
    this.#missing = missing
  }

  /** A list that was not current, where nothing worse was found. */
  get doubt(): VerifyFailure | undefined {
    return this.#doubt
  }

  /** 1 to go on in spite of the fault. */
  judge(storeContext: Pointer): number {
    const { native } = this.#library
    const code = native.X509_STORE_CTX_get_error(storeContext)
    if (!aboutLists.has(code)) return 0
    // The lists are about everybody below whom we trust. OpenSSL would want one about the root too.
    const depth = native.X509_STORE_CTX_get_error_depth(storeContext)
    if (depth < native.X509_STORE_CTX_get_num_untrusted(storeContext)) {
      if (outdated.has(code)) this.#doubt ??= readVerifyFailure(this.#library, storeContext)
      else if (this.#missing === 'reject' || !absent.has(code)) return 0
    }
    native.X509_STORE_CTX_set_error(storeContext, 0)
    return 1
  }
}

/** X509_V_ERR_UNABLE_TO_GET_CRL, DIFFERENT_CRL_SCOPE: there is no list, or only one about other certificates. */
const absent: ReadonlySet<number> = new Set([3, 44])
/** X509_V_ERR_CRL_NOT_YET_VALID, CRL_HAS_EXPIRED. Such a list can still name a certificate, which tells more. */
const outdated: ReadonlySet<number> = new Set([11, 12])
/** And the rest of what X509_verify_cert says of lists only: x509_vfy.h. */
const aboutLists: ReadonlySet<number> = new Set([...absent, ...outdated, 5, 8, 15, 16, 23, 33, 35, 36, 54])

/** Why a list can tell the status of no certificate: RFC 5280, Section 5.2. */
function findScopeProblem(der: Uint8Array): string | undefined {
  const what = 'certificate revocation list'
  const list = new DerReader(der, what).sequence().sequence('tbsCertList')
  while (!list.done && list.nextTag !== contextTag(0)) list.element()
  const extensions = list.optional(contextTag(0), 'crlExtensions')?.sequence()
  while (extensions !== undefined && !extensions.done) {
    const extension = extensions.sequence('extension')
    const oid = extension.oid('extnID')
    const critical = extension.nextTag === Tag.BOOLEAN && extension.boolean()
    const value = extension.content(Tag.OCTET_STRING, 'extnValue')
    if (oid === deltaIndicator) return 'it lists changes only (delta CRL)'
    if (oid === issuingDistributionPoint) {
      const point = new DerReader(value, what).sequence()
      while (!point.done) {
        const { tag, content } = point.element()
        const problem = partialScopes.get(tag)
        // A flag may say that it does not hold.
        if (problem !== undefined && (content.length > 1 || content[0] !== 0)) return problem
      }
    } else if (critical && !harmless.has(oid)) return `a critical extension is not known: ${oid}`
  }
  return undefined
}

const deltaIndicator = '2.5.29.27'
const issuingDistributionPoint = '2.5.29.28'
/** Its number, and the identifier of its issuer's key. */
const harmless: ReadonlySet<string> = new Set(['2.5.29.20', '2.5.29.35'])
/** Fields of IssuingDistributionPoint: RFC 5280, Section 5.2.5. */
const partialScopes: ReadonlyMap<number, string> = new Map([
  [contextTag(3, 'primitive'), 'it covers some reasons only'],
  [contextTag(4, 'primitive'), 'it speaks for other issuers (indirect CRL)'],
  [contextTag(5, 'primitive'), 'it covers attribute certificates only'],
])
