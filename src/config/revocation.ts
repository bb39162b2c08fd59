import { type BufferSource, bufferSource, type FileSource, fileSource } from './source.ts'

/** Lists of revoked certificates (CRLs; RFC 5280, Section 5), by where they come from. Nothing is fetched: renewing them is the caller's. */
export class RevocationList {
  readonly source: BufferSource | FileSource

  private constructor(source: RevocationList['source']) {
    this.source = source
    Object.freeze(this)
  }

  /** Any number of lists in PEM, or one in DER. */
  static fromBuffer(pemOrDer: Uint8Array | string): RevocationList {
    return new RevocationList(bufferSource('RevocationList.fromBuffer', pemOrDer))
  }

  /** A file with any number of lists in PEM, or one in DER. It is read when a context is made, and again for each new context. */
  static fromFile(path: string): RevocationList {
    return new RevocationList(fileSource('RevocationList.fromFile', path))
  }
}

/**
 * Whether peers' certificates were revoked, by lists that the application gives. Of the lists of an issuer the newest that is signed
 * rightly and current decides. Where there are only outdated ones, those that they name are `revoked` and all others
 * `revocation-unknown`: an old list never lets anybody in, whatever `missing` says.
 */
export interface Revocation {
  /** Complete lists, signed by the issuer of the certificates that they are about; deltas and indirect lists are refused. */
  readonly lists: readonly RevocationList[]
  /**
   * What to do with a certificate whose issuer has no list among these: `reject` it with `revocation-unknown` (fail hard), or `accept` it
   * (fail softly). Default: `reject`.
   */
  readonly missing?: 'accept' | 'reject'
  /** Which certificates have to be on no list: all but the trusted one at the end (`path`), or the peer's own alone (`leaf`). Default: `path`. */
  readonly scope?: 'leaf' | 'path'
}
