import { describe } from 'node:test'
import {
  alertName,
  backendNamed,
  Certificate,
  Conversation,
  certificateCompressionName,
  cipherSuiteName,
  clientDialogues,
  compareVersions,
  createOpenSSLBackend,
  createPortableBackend,
  createSchannelBackend,
  isTLS13Suite,
  ja4,
  MemoryReplayGuard,
  MemorySessionCache,
  namedGroupName,
  openssl,
  PreSharedKey,
  PrivateKey,
  portable,
  RevocationList,
  Session,
  signatureSchemeName,
  TLSClientConfiguration,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { insecureClientContext } from 'polytls/insecure'
import { createPortableBackend as createBackendWithoutNode } from 'polytls/portable'
import { matching } from '../support/identities.ts'
import { type Call, type Kind, objects, type Place, refusesWhatIsOfNoUse } from '../support/wrong-arguments.ts'

const { client, server } = await matching()
const clientConfiguration = new TLSClientConfiguration(client)
const serverConfiguration = new TLSServerConfiguration(server)
const optional = ['undefined', ...objects] as const
const numbers = ['not a number', 'a negative number', 'a huge number', 'a fraction', 'zero'] as const
const whole: Place = { path: [0], fits: objects }

const named = (name: string, call: (given: number) => unknown, called: string, base: number): Call => ({
  name,
  call: call as never,
  base: () => [base],
  places: [{ path: [0], name: called, fits: numbers }],
})
const source = (name: string, make: (given: string) => unknown, fits: readonly Kind[] = ['text']): Call => ({
  name,
  call: make as never,
  base: () => ['x:y'],
  places: [{ path: [0], fits }],
})
const contexts = [openssl, portable].flatMap((backend): Call[] => [
  {
    name: `clientContext of ${backend.name}`,
    call: (...given) => backend.clientContext(...(given as unknown as [never, never])),
    base: () => [clientConfiguration, {}],
    places: [
      { path: [0], name: 'clientContext' },
      { path: [1], name: 'environment', fits: optional },
      { path: [1, 'now'], fits: ['undefined', 'a function'] },
    ],
  },
  {
    name: `serverContext of ${backend.name}`,
    call: (...given) => backend.serverContext(...(given as unknown as [never, never])),
    base: () => [serverConfiguration, {}],
    places: [
      { path: [0], name: 'serverContext' },
      { path: [1], name: 'environment', fits: optional },
      { path: [1, 'now'], fits: ['undefined', 'a function'] },
    ],
  },
  {
    name: `explain of ${backend.name}`,
    call: (...given) => backend.explain(...(given as unknown as [never])),
    base: () => [clientConfiguration],
    places: [{ path: [0], name: 'explain' }],
  },
  {
    name: `createBuffer of ${backend.name}`,
    call: (...given) =>
      backend.clientContext(clientConfiguration).createBuffer(...(given as unknown as [never, never])),
    base: () => ['server.test', {}],
    places: [
      { path: [0], name: 'serverName', fits: ['undefined', 'text'] },
      { path: [1], fits: optional, name: 'createBuffer' },
      { path: [1, 'service'], fits: ['undefined', 'text', 'an empty text'] },
      { path: [1, 'session'], fits: ['undefined'] },
      { path: [1, 'earlyData'], fits: ['undefined'] },
    ],
  },
])

const calls: readonly Call[] = [
  named('alertName', alertName, 'code', 10),
  named('cipherSuiteName', cipherSuiteName, 'codePoint', 1),
  named('namedGroupName', namedGroupName, 'codePoint', 1),
  named('signatureSchemeName', signatureSchemeName, 'codePoint', 1),
  named('certificateCompressionName', certificateCompressionName, 'codePoint', 1),
  named('isTLS13Suite', isTLS13Suite, 'codePoint', 1),
  {
    name: 'compareVersions',
    call: compareVersions,
    base: () => ['TLSv1.2', 'TLSv1.3'],
    places: [
      { path: [0], name: 'version' },
      { path: [1], name: 'version' },
    ],
  },
  { name: 'ja4', call: ja4, base: () => [{}], places: [{ path: [0], name: 'clientHello' }] },
  { name: 'backendNamed', call: backendNamed, base: () => ['openssl'], places: [{ path: [0], name: 'backend' }] },
  {
    name: 'createOpenSSLBackend',
    call: createOpenSSLBackend,
    base: () => [{ name: 'mine', library: { libcrypto: '/libcrypto', libssl: '/libssl' } }],
    places: [
      whole,
      { path: [0, 'name'], fits: ['text'] },
      { path: [0, 'library'] },
      { path: [0, 'library', 'libcrypto'], fits: ['text'] },
      { path: [0, 'library', 'libssl'], fits: ['text'] },
    ],
  },
  {
    name: 'createPortableBackend',
    call: createPortableBackend,
    base: () => [{ name: 'mine', crypto: 'node' }],
    places: [
      whole,
      { path: [0, 'name'], fits: ['text'] },
      { path: [0, 'crypto'] },
      { path: [0, 'paddingMultipleBytes'], fits: ['undefined'] },
      { path: [0, 'certificateCodecs'], fits: ['undefined', 'an array'] },
    ],
  },
  {
    name: 'createPortableBackend without Node',
    call: createBackendWithoutNode,
    base: () => [{}],
    places: [
      { path: [0], fits: optional },
      { path: [0, 'name'], fits: ['undefined', 'text'] },
      { path: [0, 'readFile'], fits: ['undefined', 'a function'] },
      { path: [0, 'loadSystemTrust'], fits: ['undefined', 'a function'] },
      { path: [0, 'now'], fits: ['undefined', 'a function'] },
      { path: [0, 'paddingMultipleBytes'], fits: ['undefined'] },
      { path: [0, 'certificateCodecs'], fits: ['undefined', 'an array'] },
    ],
  },
  {
    name: 'createSchannelBackend',
    call: createSchannelBackend,
    base: () => [{ name: 'mine' }],
    places: [whole, { path: [0, 'name'], fits: ['text'] }, { path: [0, 'credentials'], fits: ['undefined'] }],
  },
  source('Certificate.fromBuffer', Certificate.fromBuffer),
  source('Certificate.fromFile', Certificate.fromFile),
  source('Certificate.fromId', Certificate.fromId),
  source('PrivateKey.fromBuffer', PrivateKey.fromBuffer),
  source('PrivateKey.fromFile', PrivateKey.fromFile),
  source('PrivateKey.fromId', PrivateKey.fromId),
  source('RevocationList.fromBuffer', RevocationList.fromBuffer),
  source('RevocationList.fromFile', RevocationList.fromFile),
  source('TrustStore.fromBuffer', TrustStore.fromBuffer),
  source('TrustStore.fromFile', TrustStore.fromFile),
  source('TrustStore.fromId', TrustStore.fromId),
  source('TrustStore.fromCertificates', TrustStore.fromCertificates as never, []),
  ...(['fromBuffer', 'fromFile'] as const).map(
    (name): Call => ({
      name: `PrivateKey.${name} with a passphrase`,
      call: PrivateKey[name],
      base: () => ['key.pem', { passphrase: 'secret' }],
      places: [
        { path: [1], name, fits: optional },
        { path: [1, 'passphrase'], fits: ['undefined', 'text', 'an empty text'] },
      ],
    }),
  ),
  {
    name: 'PrivateKey.fromSigner',
    call: PrivateKey.fromSigner,
    base: () => [{ publicKey: new Uint8Array(1), schemes: [1], sign: () => new Uint8Array(1) }],
    places: [
      { path: [0] },
      { path: [0, 'publicKey'] },
      { path: [0, 'schemes'] },
      { path: [0, 'sign'], fits: ['a function'] },
    ],
  },
  {
    name: 'PreSharedKey',
    call: (...given) => new PreSharedKey(...(given as unknown as [never])),
    base: () => [{ identity: 'alice', secret: new Uint8Array(32) }],
    places: [
      whole,
      { path: [0, 'identity'], fits: ['text'] },
      { path: [0, 'secret'] },
      { path: [0, 'hash'], fits: ['undefined'] },
      { path: [0, 'importContext'], fits: ['undefined', 'text', 'an empty text'] },
    ],
  },
  { name: 'Session.deserialize', call: Session.deserialize, base: () => [new Uint8Array(1)], places: [{ path: [0] }] },
  {
    name: 'MemoryReplayGuard',
    call: (...given) => new MemoryReplayGuard(...(given as unknown as [never])),
    base: () => [{ now: Date.now }],
    places: [whole, { path: [0, 'now'], fits: ['a function'] }, { path: [0, 'maxEntries'], fits: ['undefined'] }],
  },
  {
    name: 'MemoryReplayGuard.admit',
    call: (...given) => new MemoryReplayGuard({ now: Date.now }).admit(...(given as unknown as [never, never])),
    base: () => [new Uint8Array(32), Date.now() + 1000],
    places: [
      { path: [0], name: 'identifier' },
      { path: [1], name: 'expiresAtMilliseconds', fits: numbers.filter((kind) => kind !== 'not a number') },
    ],
  },
  {
    name: 'MemorySessionCache',
    call: (...given) => new MemorySessionCache(...(given as unknown as [never])),
    base: () => [{}],
    places: [
      { path: [0], fits: optional },
      { path: [0, 'maxSessions'], fits: ['undefined'] },
      { path: [0, 'maxSessionsPerKey'], fits: ['undefined'] },
      { path: [0, 'maxBytes'], fits: ['undefined'] },
    ],
  },
  {
    name: 'MemorySessionCache.put',
    call: (...given) => new MemorySessionCache().put(...(given as unknown as [never, never])),
    base: () => ['key', undefined],
    places: [
      { path: [0], name: 'key', fits: ['text', 'an empty text'] },
      { path: [1], name: 'session' },
    ],
  },
  {
    name: 'Conversation',
    call: (...given) => new Conversation(...(given as unknown as [never, never])),
    base: () => [clientDialogues.smtp, {}, {}],
    places: [
      { path: [0], name: 'dialogue' },
      { path: [0, 'speak'], name: 'dialogue', fits: ['a function'] },
      { path: [2], name: 'surroundings', fits: optional },
      { path: [2, 'trace'], fits: ['undefined', 'a function'] },
    ],
  },
  {
    name: 'Conversation.receive',
    call: (...given) => new Conversation(clientDialogues.smtp, {}).receive(...(given as unknown as [never])),
    base: () => [new Uint8Array(0)],
    places: [{ path: [0] }],
  },
  {
    name: 'with',
    call: (...given) => clientConfiguration.with(...(given as unknown as [never])),
    base: () => [{}],
    places: [{ path: [0], fits: objects }],
  },
  {
    name: 'insecureClientContext',
    call: (...given) => insecureClientContext(...(given as unknown as [never, never])),
    base: () => [clientConfiguration, { skipChainVerification: true }],
    places: [
      { path: [0], name: 'clientContext' },
      { path: [1] },
      { path: [1, 'backend'], fits: ['undefined'] },
      { path: [1, 'skipChainVerification'], fits: ['true'] },
    ],
  },
  ...contexts,
]

describe('arguments that are of no use are refused by name', () => {
  refusesWhatIsOfNoUse(calls)
})
