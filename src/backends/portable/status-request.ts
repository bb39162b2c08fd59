import type { StatusRequest } from './messages/extension-forms.ts'

/** Whether a client asks for a stapled OCSP response: there is one type of status. RFC 6066, Section 8. */
export function wantsStatus(request: StatusRequest | undefined): boolean {
  return request?.statusType === 1
}
