import assert from 'node:assert/strict'
import {
  type Backend,
  Certificate,
  type ClientOptions,
  PrivateKey,
  type ServerOptions,
  type SigningChain,
  type TLSBuffer,
  TLSClientConfiguration,
  type TLSError,
  TLSServerConfiguration,
  TrustStore,
} from 'polytls'
import { SchannelBackend } from '#polytls/backends/schannel/backend.js'
import { Status } from '#polytls/backends/schannel/status.js'
import { type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'
import { encrypted, serverHello } from './records.ts'
import { ScriptedSecurity, type Step } from './scripted-security.ts'

/** A backend on a Windows that the test scripts. */
export interface Setting {
  readonly security: ScriptedSecurity
  readonly backend: Backend
}

export function setting(options: { readonly legacy?: boolean } = {}): Setting {
  const security = new ScriptedSecurity()
  const { legacy = false } = options
  return { security, backend: new SchannelBackend({ name: 'schannel', load: () => security, now: Date.now, legacy }) }
}

/** Real certificates: this backend reads them itself. */
export interface Cast {
  readonly root: MadeCertificate
  readonly server: MadeCertificate
  readonly client: MadeCertificate
}

export function cast(): Promise<Cast> {
  made ??= makeCast()
  return made
}
let made: Promise<Cast> | undefined

async function makeCast(): Promise<Cast> {
  const root = await makeAuthority({ name: 'Root' })
  return {
    root,
    server: await root.issue({ name: 'Server', names: ['server.test', '192.0.2.1'] }),
    client: await root.issue({ name: 'Client', names: ['client.test'] }),
  }
}

export function derOf({ certificate }: { readonly certificate: string }): Buffer {
  return Buffer.from(certificate.replace(/-----[^-]+-----/g, ''), 'base64')
}

export function chainOf({ certificate, key }: { readonly certificate: string; readonly key: string }): SigningChain {
  return { leaf: Certificate.fromBuffer(certificate), key: PrivateKey.fromBuffer(key) }
}

/** The channel of a client that trusts the cast's root. */
export async function clientOf(
  { backend }: Setting,
  options: ClientOptions = {},
  serverName: string | undefined = 'server.test',
): Promise<TLSBuffer> {
  const { root } = await cast()
  const trustStore = TrustStore.fromBuffer(root.certificate)
  return backend.clientContext(new TLSClientConfiguration({ trustStore, ...options })).createBuffer(serverName)
}

/** The channel of a server that shows the cast's certificate. */
export async function serverOf(
  { backend, security }: Setting,
  options: Partial<ServerOptions> = {},
): Promise<TLSBuffer> {
  const { server } = await cast()
  if (security.importable.length === 0) security.importable = [derOf(server)]
  return backend
    .serverContext(new TLSServerConfiguration({ certificateChain: [chainOf(server)], ...options }))
    .createBuffer()
}

/** The first words of a client, and what Schannel makes of them. */
export const firstWords = Buffer.from('the client hello')
export const lastFlight = Buffer.from('the last flight')
export const helloOf13: Buffer = serverHello(0x1301, 0x001d)
export const helloOf12: Buffer = serverHello(0xc02f)

export const opening: Step = {
  call: 'InitializeSecurityContext',
  status: Status.SEC_I_CONTINUE_NEEDED,
  token: firstWords,
  input: undefined,
}

/** A client whose handshake is done, in the version of the hello. */
export async function established(
  at: Setting,
  hello: Buffer = helloOf13,
  options: ClientOptions = {},
): Promise<TLSBuffer> {
  const { server, root } = await cast()
  const { security } = at
  security.peerChain = [derOf(server), derOf(root)]
  const channel = await clientOf(at, options)
  security.script = [
    opening,
    { call: 'InitializeSecurityContext', status: Status.SEC_E_OK, token: lastFlight, input: hello },
  ]
  assert.equal(channel.handshake(), 'want-read')
  assert.deepEqual(Buffer.from(channel.processOutgoing()), firstWords)
  channel.processIncoming(hello)
  assert.equal(channel.handshake(), 'done')
  assert.deepEqual(Buffer.from(channel.processOutgoing()), lastFlight)
  security.assertScriptDone()
  return channel
}

/** Gives a channel records, and Schannel the answers to them. */
export function receive(
  channel: TLSBuffer,
  security: ScriptedSecurity,
  ...exchanges: readonly (readonly [string, Step])[]
): void {
  for (const [text, step] of exchanges) {
    channel.processIncoming(encrypted(text))
    security.script.push(step)
  }
}

/** A client that has said its first words. */
export async function opened(at: Setting, ...options: [object?, string?]): Promise<TLSBuffer> {
  const channel = await clientOf(at, ...options)
  at.security.script = [opening]
  assert.equal(channel.handshake(), 'want-read')
  assert.deepEqual(Buffer.from(channel.processOutgoing()), firstWords)
  return channel
}

export function thrownBy(call: () => unknown): TLSError {
  try {
    call()
  } catch (thrown) {
    return thrown as TLSError
  }
  assert.fail('nothing was thrown')
}
