import { ConfigurationError } from '../errors.ts'
import type { Dialogue, Reading, Script } from './dialogue.ts'
import { addressBytes } from './ip-address.ts'
import type { Talk } from './talk.ts'
import { requireTarget, type TunnelTarget } from './tunnel-target.ts'

/** What the proxy answered. */
export interface SOCKS5Learned {
  /** Whether it wanted to know who we are. */
  readonly authenticated: boolean
}

/** RFC 1928; user name and password by RFC 1929. Names are looked up by the proxy. */
export const socks5: Dialogue<TunnelTarget, SOCKS5Learned> = {
  protocol: 'socks5',
  specification: 'RFC 1928',
  ports: [1080],
  role: 'client',
  *speak(talk, options): Script<SOCKS5Learned> {
    requireTarget(options)
    const { host, port, credentials } = options
    const login = credentials && encodeLogin(credentials)
    const request = Uint8Array.of(VERSION, CONNECT, 0, ...encodeAddress(host), port >> 8, port & 0xff)

    const methods = login === undefined ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USERNAME_PASSWORD]
    talk.say(Uint8Array.of(VERSION, methods.length, ...methods), `SOCKS5 methods ${methods.join(', ')}`)
    const [version, method = NO_METHOD] = yield* talk.take(2)
    if (version !== VERSION) throw talk.malformed('version 5 of SOCKS', `version ${version}`)
    talk.note('server', `method ${method}`)
    if (method === NO_METHOD) {
      const hint = login === undefined ? 'give credentials' : 'the proxy wants another way than a name and a password'
      throw talk.refused('the proxy accepts none of our ways to authenticate', undefined, hint)
    }
    if (!methods.includes(method)) throw talk.malformed('a method that was offered', `method ${method}`)
    if (method === USERNAME_PASSWORD && login !== undefined) yield* logIn(talk, login)

    talk.say(request, `CONNECT ${host} ${port}`)
    const [replyVersion, reply = 0, , addressType] = yield* talk.take(4)
    if (replyVersion !== VERSION) throw talk.malformed('version 5 of SOCKS', `version ${replyVersion}`)
    const said = replies[reply] ?? `reply ${reply}`
    talk.note('server', said)
    if (reply !== 0) throw talk.refused(`the proxy does not connect to ${host}, port ${port}`, said)
    const length = addressType === NAME ? ((yield* talk.take(1))[0] ?? 0) : addressLengths[addressType ?? 0]
    if (length === undefined) throw talk.malformed('an address', `type ${addressType}`)
    yield* talk.take(length + 2)
    return { kind: 'go-ahead', learned: { authenticated: method === USERNAME_PASSWORD } }
  },
}

function* logIn(talk: Talk, login: Uint8Array): Reading<void> {
  talk.say(login, 'user name and password …')
  const [version, status] = yield* talk.take(2)
  if (version !== 1) throw talk.malformed('the answer to name and password', `version ${version}`)
  if (status !== 0) throw talk.refused('the proxy does not accept the credentials', `status ${status}`)
}

function encodeLogin({ username, password }: NonNullable<TunnelTarget['credentials']>): Uint8Array {
  const [name, word] = [username, password].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array]
  if (name.length < 1 || name.length > 255 || word.length < 1 || word.length > 255) {
    throw new ConfigurationError('dialogue.credentials', 'name and password have to be of 1 to 255 bytes each')
  }
  return Uint8Array.of(1, name.length, ...name, word.length, ...word)
}

function encodeAddress(host: string): readonly number[] {
  const address = addressBytes(host)
  if (address !== undefined) return [address.length === 4 ? IPV4 : IPV6, ...address]
  const name = new TextEncoder().encode(host)
  if (name.length > 255) throw new ConfigurationError('dialogue.host', 'is longer than 255 bytes')
  return [NAME, name.length, ...name]
}

const VERSION = 5
const CONNECT = 1
const NO_AUTHENTICATION = 0
const USERNAME_PASSWORD = 2
const NO_METHOD = 0xff
const IPV4 = 1
const NAME = 3
const IPV6 = 4
const addressLengths: { readonly [type: number]: number } = { [IPV4]: 4, [IPV6]: 16 }

/** RFC 1928, Section 6. */
const replies = [
  'succeeded',
  'general SOCKS server failure',
  'connection not allowed by ruleset',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'TTL expired',
  'command not supported',
  'address type not supported',
] as const
