import type { NegotiatedVersion } from '../../config/tls-version.ts'

/** The numbers of versions on the wire. */
export const versionCode: { readonly [V in NegotiatedVersion]: number } = { 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 }
