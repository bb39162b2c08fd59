// What the contract suite asks for and Wine's Schannel cannot, each with its reason. A test that fails for none of these fails the run.

const byError = (pattern, reason, options = {}) => ({ reason, fits: ({ error }) => pattern.test(error), ...options })

export const limits = [
  byError(/Windows cannot import it: E_INVALIDARG/, 'Wine imports no keys on elliptic curves'),
  byError(/has no server's side/, 'Wine 8 has no AcceptSecurityContext'),
  {
    reason:
      'with TLS 1.3 switched on, Wine does not heed which versions are disabled: TLS 1.2 alone is what the first run is for',
    fits: ({ test, error }, pass) => pass !== 'TLS 1.2' && (/TLSv1\.2/.test(test) || /TLSv1\.3 was chosen/.test(error)),
  },
  byError(
    /cannot be held to|of the kind ed25519/,
    'not Wine: Schannel itself cannot, and is refused by name; the suite has no other setting for these tests',
  ),
  byError(/\+ alert: undefined/, 'Wine makes no alerts by ApplyControlToken'),
  byError(
    /SEC_E_INTERNAL_ERROR/,
    'Wine has one status for damage, for every fault and for every alert that is encrypted',
  ),
  {
    reason:
      'Wine does not heed which suites and groups are disabled, so that the server chooses one, and it is the client that refuses',
    fits: ({ test }) => /: no (?:suite|group) in common is refused by the server/.test(test),
  },
  {
    reason: 'Wine answers a close_notify of TLS 1.3 as it answers a record without data',
    fits: ({ file, test, error }) => (file === 'closing.test.js' && /TLSv1\.3/.test(test)) || /^want-read/.test(error),
  },
  byError(/\+ undefined - 'n{200}/, 'Wine tells no application protocol whose name has 255 bytes'),
  byError(/\+ undefined - 'illegal_parameter'/, 'Wine tells of no alert that it makes itself'),
  {
    reason: 'with TLS 1.3 switched on, the flight in which this test looks for a certificate is encrypted',
    fits: ({ test }) => test.startsWith('an address that a client names all the same'),
  },
  byError(/the signature on it is wrong/, 'Wine does not verify every signature by ECDSA: about one of a hundred', {
    sometimes: true,
  }),
]

export function limitOf(result, pass) {
  return limits.find(({ fits }) => fits(result, pass))
}
