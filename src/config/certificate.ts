import { bufferSource, fileSource, idSource, type Source } from './source.ts'

/** A certificate, by where it comes from. Source: PEP 748, Certificate. */
export class Certificate {
  readonly source: Source

  private constructor(source: Source) {
    this.source = source
    Object.freeze(this)
  }

  /** One certificate in PEM (the first block counts) or DER. */
  static fromBuffer(pemOrDer: Uint8Array | string): Certificate {
    return new Certificate(bufferSource('Certificate.fromBuffer', pemOrDer))
  }

  /** A file with one certificate in PEM (the first block counts) or DER. */
  static fromFile(path: string): Certificate {
    return new Certificate(fileSource('Certificate.fromFile', path))
  }

  /** A certificate that only a backend can find, such as one in the Windows certificate store. */
  static fromId(id: string): Certificate {
    return new Certificate(idSource('Certificate.fromId', id))
  }
}
