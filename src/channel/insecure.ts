/**
 * The key to what must not be in the main entry. Configurations cannot carry it; only `polytls/insecure` puts it into the
 * environment of a context, and warns.
 */
export const insecureOptions: unique symbol = Symbol('polytls.insecure')

export interface InsecureOptions {
  /** Accept any certificate chain, also none that anybody trusts. The name is then not checked either. */
  readonly skipChainVerification?: boolean
  /** Verify the chain, but accept it for any host. */
  readonly skipHostNameCheck?: boolean
}
