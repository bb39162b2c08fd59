// What the contract suite asks for and Wine's Schannel cannot, each with its reason. A test that fails for none of these fails the run. How
// many each stops stands in counts.json, so that none of them hides what is new.

/** All that is given has to fit: the Wine, the pass, one of the files, the suite, the test, and what it failed with. */
const limit = (key, reason, { wine, pass, file, suite, test, error }) => ({
  key,
  reason,
  fits: (result, wineName, passName) =>
    (wine === undefined || wine === wineName) &&
    (pass === undefined || pass === passName) &&
    (file === undefined || [file].flat().some((name) => `${name}.test.js` === result.file)) &&
    (suite === undefined || suite.test(result.suite)) &&
    (test === undefined || test.test(result.test)) &&
    error.test(result.error),
})

/** Of every test that fails for a status that says too little. */
const internalError = /Schannel says SEC_E_INTERNAL_ERROR \(0x80090304\), which stands for the alerts internal_error$/

/** What is so on the server's side, which Wine 8 has not. */
const ofServer = { wine: 'Wine 10', suite: / client, schannel server$/ }

export const limits = [
  limit('asks-for-no-certificate', 'Wine asks clients for no certificate', {
    ...ofServer,
    file: ['choose-certificate', 'choosing-certificates', 'client-authentication'],
    error: new RegExp(
      `${internalError.source}|no certificate, and one is required|^done$|'verify', - 'choose'|alert handshake_failure$|alert 255\\b|false !== true`,
    ),
  }),
  limit('asks-for-no-certificate-to-veto', 'Wine asks clients for no certificate, so that there is no veto over one', {
    ...ofServer,
    file: 'veto',
    error: new RegExp(
      `${internalError.source}|no certificate, and one is required|'missing' - 'vetoed'|alert handshake_failure$|alert 255$|'ERR_TLS_PROTOCOL' - 'ERR_TLS_RAGGED_EOF'`,
    ),
  }),
  limit('asks-for-no-certificate-to-refuse', 'Wine asks clients for no certificate', {
    ...ofServer,
    file: 'certificates',
    test: /: a server refuses a client's certificate/,
    error: /^the client sent no certificate, and one is required/,
  }),
  limit('protocols-unheeded', "Wine's server goes on where there is no application protocol in common", {
    ...ofServer,
    file: 'alpn',
    test: /: nothing in common is refused by the server/,
    error: /^done$/,
  }),
  limit('no-intermediates-of-server', 'Wine sends no intermediates with the certificate of a server', {
    ...ofServer,
    file: 'certificates',
    error:
      /nobody that is trusted has issued it|unable to get local issuer certificate|is issued by CN=[\w ]+, which is not trusted/,
  }),
  limit('one-status-of-server', 'Wine has one status for every alert that is encrypted', {
    ...ofServer,
    file: 'certificates',
    test: /client refuses a server's certificate|accepted where exactly it is trusted/,
    error: internalError,
  }),
  limit('one-status-of-server-for-damage', 'Wine has one status for damage and for every fault', {
    ...ofServer,
    file: 'failure',
    test: /a record that |before a record that was altered/,
    error: /\+ undefined - 'bad_record_mac'/,
  }),
  limit('garbage-unheeded', "Wine's server waits for the rest of what is no message of TLS", {
    ...ofServer,
    file: 'failure',
    test: /^garbage is a ProtocolError/,
    error: /^server, 160303000463000000: want-read$/,
  }),
  limit(
    'algorithms-unheeded-by-server',
    "Wine's server does not heed which suites, groups and versions are disabled, so that it is we who refuse its choice",
    {
      ...ofServer,
      file: ['parameters', 'choosing-contexts', 'versions'],
      test: /is agreed|agrees on TLS 1\.3|has to be repeated|no (?:suite|group) in common|"highestSupportedVersion":"TLSv1\.2"/,
      error: /the peer ended the connection with the alert (?:handshake_failure|protocol_version)$/,
    },
  ),
  limit(
    'one-container',
    'Wine keeps every key that is imported in one container, so that a server has the last alone',
    {
      ...ofServer,
      file: 'server-names',
      error: /Schannel gives no credentials: SEC_E_INTERNAL_ERROR/,
    },
  ),
  limit('elliptic-keys', 'Wine imports no keys on elliptic curves', {
    error: /certificateChain(?:\[\d\])?\.key: Windows cannot import it/,
  }),
  limit('no-server', 'Wine 8 has no AcceptSecurityContext', { wine: 'Wine 8', error: /has no server's side$/ }),
  limit('versions-unheeded', 'with TLS 1.3 switched on, Wine does not heed which versions are disabled', {
    pass: 'TLS 1.3',
    error: /TLSv1\.3 was chosen, and only TLSv1\.2 is allowed/,
  }),
  limit(
    'versions-refused-late',
    'as it does not heed disabled versions, it is the client that refuses, not the server',
    {
      file: 'versions',
      test: /^a client held to TLSv1\.[23] and a server held to TLSv1\.[23] refuse each other/,
      error: /^AlertReceivedError: the peer ended the connection with the alert protocol_version$/,
    },
  ),
  limit('algorithms-unheeded', 'Wine does not heed which suites and groups are disabled, so that the client refuses', {
    file: 'parameters',
    test: /: no (?:suite|group) in common is refused by the server/,
    error: /^AlertReceivedError: the peer ended the connection with the alert handshake_failure$/,
  }),
  limit('no-alerts', 'Wine makes no alerts by ApplyControlToken', {
    file: 'certificates',
    error: /\{ \+ alert: undefined, - alert: '\w+', depth: \d, reason: '[\w-]+' \} ?$/,
  }),
  limit('no-alerts-of-veto', 'Wine makes no alerts by ApplyControlToken', {
    file: 'veto',
    test: /client's veto refuses|veto of the client that fails/,
    error: /^want-read$/,
  }),
  limit('one-status', 'Wine has one status for damage, for every fault and for every alert that is encrypted', {
    file: 'failure',
    test: /a record that was altered on the way|what came whole before a record that was altered/,
    error: internalError,
  }),
  limit('one-status-for-alerts', 'Wine has one status for every alert that is encrypted', {
    file: 'client-authentication',
    test: /^TLSv1\.3: a server that requires a certificate refuses a client without one/,
    error: internalError,
  }),
  limit('one-status-for-refusals', 'Wine has one status for every alert that is encrypted', {
    pass: 'TLS 1.3',
    file: 'certificates',
    test: /^TLSv1\.3: a server refuses a client's certificate/,
    error: internalError,
  }),
  limit('one-status-after-veto', 'Wine has one status for every alert that is encrypted, and may not tell of it', {
    pass: 'TLS 1.3',
    file: 'veto',
    test: /server's veto|veto of the server/,
    error: new RegExp(`^want-read$|${internalError.source}`),
  }),
  limit('close-notify', 'Wine answers a close_notify of TLS 1.3 as it answers a record without data', {
    pass: 'TLS 1.3',
    file: 'closing',
    test: /^TLSv1\.3: /,
    error:
      /\+ 'want-read' - '(?:closed|done)' ?\]? ?$|^the connection ended without close_notify|a record of unknown type came$/,
  }),
  limit('long-protocol', 'Wine tells no application protocol whose name has 255 bytes', {
    file: 'alpn',
    test: /: names may be long$/,
    error: /\+ undefined - 'n{200}/,
  }),
  limit('own-alerts', 'Wine tells of no alert that it makes itself', {
    file: 'versions',
    test: /^a downgrade that a third party forces/,
    error: /\+ undefined - 'illegal_parameter'/,
  }),
  limit('encrypted-flight', 'with TLS 1.3 switched on, the flight in which this test looks is encrypted', {
    pass: 'TLS 1.3',
    file: 'server-names',
    test: /^an address that a client names all the same/,
    error: /flight\.includes/,
  }),
  limit(
    'early-certificate',
    'in TLS 1.2, Schannel shows the certificate of a client before anybody can verify the server',
    {
      pass: 'TLS 1.2',
      file: 'veto',
      test: /^a client that refuses shows nothing of itself$|^TLSv1\.2: both sides may have a veto$/,
      error: /\+ Uint8Array\(\d+\)|\+ 'by the server', 'by the client', - 'by the server'/,
    },
  ),
  limit('no-intermediates', 'Wine sends no intermediates with the certificate of a client', {
    file: 'client-authentication',
    test: /: a client shows its intermediates/,
    error: /alert handshake_failure$|which stands for the alerts internal_error$/,
  }),
  limit('certificate-withheld', 'Wine shows no certificate to a server that does not name its authority', {
    file: 'client-authentication',
    test: /: a server that requests a certificate verifies the one that it gets$/,
    error: /^done$/,
  }),
  limit('strange-certificate-withheld', 'Wine shows no certificate to a server that does not name its authority', {
    file: 'certificates',
    test: /: a server refuses a client's certificate/,
    error: /^the client sent no certificate, and one is required/,
  }),
]

export function limitOf(result, wine, pass) {
  return limits.find(({ fits }) => fits(result, wine, pass))
}
