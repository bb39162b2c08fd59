import type { FindBy, StoreLocation } from './native.ts'

/** What an id such as `windows:CurrentUser/My/thumbprint=…` names: a store, or certificates in one. */
export interface StoreId {
  readonly location: StoreLocation
  /** Such as `My`, `Root`, `CA`, `TrustedPeople`. */
  readonly store: string
  /** Undefined where the store itself is meant. */
  readonly find: FindBy | undefined
}

/**
 * Reads an id of this backend: `windows:<CurrentUser|LocalMachine>/<store>`, and for a certificate behind that `/thumbprint=<SHA-1 in
 * hexadecimal>`, as certificate managers show it, or `/subject=<part of the subject>`. Answers what is wrong where it is none.
 */
export function parseStoreId(id: string): StoreId | string {
  const [, location, store, property, value] =
    /^windows:(CurrentUser|LocalMachine)\/([^/=]+)(?:\/(thumbprint|subject)=(.+))?$/i.exec(id) ?? []
  if (location === undefined || store === undefined) {
    return id.startsWith('windows:')
      ? `'${id}' is not understood: expected windows:CurrentUser/My/thumbprint=…, windows:LocalMachine/My/subject=… or the store alone`
      : `this backend does not know the id '${id}'`
  }
  const place = { location: location.toLowerCase() === 'currentuser' ? 'CurrentUser' : 'LocalMachine', store } as const
  if (property === undefined || value === undefined) return { ...place, find: undefined }
  if (property.toLowerCase() === 'subject') return { ...place, find: { kind: 'subject', text: value } }
  const hex = value.replace(/[\s:\u200e]/g, '')
  if (!/^[0-9a-f]{40}$/i.test(hex)) return `the thumbprint in '${id}' is no SHA-1 of 40 hexadecimal digits`
  return { ...place, find: { kind: 'sha1', hash: Buffer.from(hex, 'hex') } }
}
