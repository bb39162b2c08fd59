import { encodeBase64 } from '../codec/base64.ts'
import { ConfigurationError } from '../errors.ts'
import type { Dialogue, Script } from './dialogue.ts'
import { requireTarget, type TunnelTarget } from './tunnel-target.ts'

/** What the proxy answered. */
export interface HTTPConnectLearned {
  readonly status: number
  /** The header fields, names in lower case; of several of one name the last. */
  readonly headers: ReadonlyMap<string, string>
}

/** A tunnel through an HTTP proxy. RFC 9110, Section 9.3.6; credentials by the scheme Basic, RFC 7617. */
export const httpConnect: Dialogue<TunnelTarget, HTTPConnectLearned> = {
  protocol: 'http-connect',
  specification: 'RFC 9110',
  ports: [3128],
  role: 'client',
  *speak(talk, options): Script<HTTPConnectLearned> {
    requireTarget(options)
    const { host, port, credentials } = options
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const request = `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n`
    const proof = credentials === undefined ? '' : `Proxy-Authorization: Basic ${basic(credentials)}\r\n`
    talk.say(`${request}${proof}\r\n`, request + (proof === '' ? '' : 'Proxy-Authorization: Basic …\r\n'))
    for (;;) {
      const statusLine = yield* talk.line()
      const status = Number(/^HTTP\/1\.\d ([1-5]\d\d)(?: |$)/.exec(statusLine)?.[1] ?? Number.NaN)
      if (Number.isNaN(status)) throw talk.malformed('a status line of HTTP', statusLine)
      const headers = new Map<string, string>()
      for (let line = yield* talk.line(); line !== ''; line = yield* talk.line()) {
        const colon = line.indexOf(':')
        if (colon < 1 || /\s/.test(line.slice(0, colon))) throw talk.malformed('a header field', line)
        headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
      }
      // An interim response: the answer is to come.
      if (status < 200) continue
      // Whatever it says of its length: a tunnel begins behind the empty line.
      if (status < 300) return { kind: 'go-ahead', learned: { status, headers } }
      const given = credentials === undefined ? 'give credentials' : 'the credentials are not accepted'
      const hint =
        status === 407 ? `${given}; the proxy asks for ${headers.get('proxy-authenticate') ?? 'some'}` : undefined
      throw talk.refused(`the proxy does not connect to ${authority}`, statusLine, hint)
    }
  },
}

function basic({ username, password }: NonNullable<TunnelTarget['credentials']>): string {
  // RFC 7617, Section 2: the first colon ends the name.
  if (/[:\p{Cc}]/u.test(username) || /\p{Cc}/u.test(password)) {
    throw new ConfigurationError('dialogue.credentials', 'have a colon in the name, or control characters')
  }
  return encodeBase64(new TextEncoder().encode(`${username}:${password}`))
}
