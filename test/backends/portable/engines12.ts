/** Engines that speak TLS 1.2 with one another in memory, message by message. */

import assert from 'node:assert/strict'
import { CipherSuite, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import { encodeProtocol } from '#polytls/backends/portable/application-protocols.js'
import { CertificateCompression } from '#polytls/backends/portable/certificate-compression.js'
import { waitServerHello } from '#polytls/backends/portable/client13.js'
import type { ClientConnection } from '#polytls/backends/portable/connection.js'
import { Engine } from '#polytls/backends/portable/engine.js'
import type { AnyState } from '#polytls/backends/portable/machine.js'
import { type ClientHello, encodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { offeredExtensions } from '#polytls/backends/portable/messages/extensions.js'
import { PeerVerifier } from '#polytls/backends/portable/peer-verification.js'
import { startServer } from '#polytls/backends/portable/server13.js'
import type { Settings } from '#polytls/backends/portable/settings.js'
import type { ClientSetup, Credential, ServerSetup } from '#polytls/backends/portable/setup.js'
import { Transcript } from '#polytls/backends/portable/transcript.js'
import { ChainsByName } from '#polytls/channel/chains-by-name.js'
import { parseServerName } from '#polytls/channel/server-name.js'
import type { MadeCertificate } from '#polytls/cli/certificates.js'
import { decodePem } from '#polytls/codec/pem.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider } from '#polytls/crypto/provider.js'
import { noSessions, offersNothing } from '../../support/no-sessions.ts'

export const nodeCrypto: CryptoProvider = createNodeCrypto()

/** All that this backend can do with TLS 1.2. */
export const allSuites: readonly number[] = Object.values(CipherSuite).filter((suite) => suite >> 8 !== 0x13)
export const curves: readonly number[] = [0x1d, 0x17, 0x18, 0x19, 0x1e]
export const schemes: readonly number[] = nodeCrypto.capabilities.signatureSchemes.verify

export interface SideOptions {
  /** Default: node's. */
  readonly crypto?: CryptoProvider
  readonly settings?: Partial<Settings>
  readonly credential?: Credential
  readonly verifyPeer?: boolean
  readonly keyLog?: (line: string) => void
}
export interface ClientSideOptions extends SideOptions {
  readonly serverName?: string
  /** Whether it asks which certificate to show. */
  readonly chooses?: boolean
  /** Changes the hello before it is sent. */
  readonly hello?: (hello: ClientHello) => ClientHello
}
export interface ServerSideOptions extends SideOptions {
  readonly credential: Credential
  readonly clientAuthentication?: 'none' | 'requested' | 'required'
}

/** A certificate with its key, as a context would have loaded it. */
export function credentialOf(
  made: Pick<MadeCertificate, 'certificate' | 'key' | 'chain'>,
  crypto: CryptoProvider = nodeCrypto,
): Credential {
  const chain = [made.certificate, ...made.chain].map((pem) => decodePem(pem)[0]?.bytes as Uint8Array)
  const imported = crypto.importSigningKey(decodePem(made.key)[0]?.bytes as Uint8Array)
  if (imported.key === undefined) throw new Error(imported.reason)
  const { key } = imported
  return { chain, publicKey: key.publicKey, key: { kind: 'local', key }, schemes: key.schemes, ...noEvidence }
}

const noEvidence = { endPoint: undefined, ocspResponse: undefined, timestamps: [] } as const

/** The same key, somewhere else. */
export function remote(credential: Credential): Credential {
  const { key, publicKey } = credential
  if (key.kind !== 'local') return credential
  return {
    ...credential,
    key: {
      kind: 'remote',
      signer: {
        publicKey: publicKey.subjectPublicKeyInfo,
        schemes: credential.schemes,
        sign: (scheme, message) => nodeCrypto.sign(scheme, key.key, message),
      },
    },
  }
}

export type ClientEngine = Engine<ClientSetup>
export type ServerEngine = Engine<ServerSetup>

export function clientEngine(options: ClientSideOptions = {}): ClientEngine {
  const { serverName, settings, verifyPeer, keyLog, chooses, crypto = nodeCrypto } = options
  const verifier = credulousVerifier(crypto)
  const setup: ClientSetup = {
    configuration: new TLSClientConfiguration({
      ...(verifyPeer ? { verifyPeer: () => ({ accept: true }) } : {}),
      ...(keyLog ? { keyLog } : {}),
      ...(chooses ? { chooseCertificate: () => undefined } : {}),
    }),
    crypto,
    settings: { ...defaultSettings, ...settings },
    certificateCompression: new CertificateCompression([]),
    paddingMultipleBytes: undefined,
    credential: options.credential,
    loadChosen: () => options.credential as Credential,
    verifier,
    sessions: noSessions(crypto, verifier),
  }
  return new Engine(setup, {
    isClient: true,
    serverName: serverName === undefined ? undefined : parseServerName(serverName),
    start: (connection) => sendHello(connection, options),
  })
}

export function serverEngine(options: ServerSideOptions): ServerEngine {
  const { clientAuthentication = 'none', settings, verifyPeer, keyLog, credential, crypto = nodeCrypto } = options
  const setup: ServerSetup = {
    // Only what the handshake looks at; the chains are in `credentials`.
    configuration: Object.assign(Object.create(TLSServerConfiguration.prototype), {
      clientAuthentication,
      ...(verifyPeer ? { verifyPeer: () => ({ accept: true }) } : {}),
      ...(keyLog ? { keyLog } : {}),
    }) as TLSServerConfiguration,
    crypto,
    settings: { ...defaultSettings, ...settings },
    certificateCompression: new CertificateCompression([]),
    paddingMultipleBytes: undefined,
    credentials: [credential],
    chains: new ChainsByName([['server.test']]),
    verifier: clientAuthentication === 'none' ? undefined : credulousVerifier(crypto),
    lateVerifier: credulousVerifier(crypto),
    sessions: undefined,
    authorities: [],
  }
  return new Engine(setup, { isClient: false, serverName: undefined, start: startServer })
}

/** Carries everything that waits, until nothing does; answers pauses with what they ask for. */
export function converse(client: ClientEngine, server: ServerEngine): void {
  for (let moved = true; moved; ) {
    moved = false
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      if (!from.isEstablished) while (from.handshake() === 'paused') answer(from)
      const bytes = from.takeOutgoing(Number.POSITIVE_INFINITY)
      if (bytes.length === 0) continue
      moved = true
      to.feed(bytes)
    }
  }
}

/** Sends data of several lengths one way, and checks that it arrives. */
export function exchange(from: ClientEngine | ServerEngine, to: ClientEngine | ServerEngine): void {
  for (const length of [1, 1000, 16_384, 40_000]) {
    const data = Uint8Array.from({ length }, (_, i) => i * 7)
    from.transmit(data)
    to.feed(from.takeOutgoing(Number.POSITIVE_INFINITY))
    const received: number[] = []
    for (let part = to.receive(); typeof part !== 'string'; part = to.receive()) {
      received.push(...part)
      to.consume(part.length)
    }
    assert.deepEqual(Uint8Array.from(received), data)
  }
}

export function answer(engine: ClientEngine | ServerEngine): void {
  const request = engine.pauseRequest
  if (request?.kind === 'choose-certificate') engine.resume(undefined)
  else if (request?.kind === 'sign') engine.resume(request.signer.sign(request.scheme, request.message) as Uint8Array)
  else engine.resume({ accept: true })
}

export const defaultSettings: Settings = {
  versions: ['TLSv1.2'],
  tls13Suites: [],
  tls12Suites: allSuites,
  groups: curves,
  shareGroups: [],
  signatureSchemes: schemes,
  certificateSignatureSchemes: undefined,
  innerProtocols: [],
  certificateCodecs: [],
  minimumRsaBits: 2048,
}

/** Believes everybody: who is to be believed is not what these tests are about. */
function credulousVerifier(crypto: CryptoProvider): PeerVerifier {
  return new PeerVerifier({
    crypto,
    anchors: undefined,
    purpose: 'server-authentication',
    now: Date.now,
    skipsHostNameCheck: true,
    ocspStapling: 'none',
  })
}

function sendHello(connection: ClientConnection, { serverName, hello: change }: ClientSideOptions): AnyState {
  const { settings, crypto } = connection.setup
  const plain: ClientHello = {
    type: 'client_hello',
    legacyVersion: 0x0303,
    random: crypto.random(32),
    sessionId: crypto.random(32),
    cipherSuites: settings.tls12Suites,
    compressionMethods: Uint8Array.of(0),
    extensions: {
      server_name: serverName,
      supported_groups: settings.groups,
      ec_point_formats: Uint8Array.of(0),
      signature_algorithms: settings.signatureSchemes,
      application_layer_protocol_negotiation:
        settings.innerProtocols.length > 0 ? settings.innerProtocols.map(encodeProtocol) : undefined,
      extended_master_secret: true,
      renegotiation_info: new Uint8Array(0),
    },
  }
  const hello = change?.(plain) ?? plain
  const raw = encodeClientHello(hello)
  connection.send(raw)
  const transcript = new Transcript(crypto)
  transcript.add(raw)
  const { random, sessionId } = hello
  const extensions = offeredExtensions(hello.extensions)
  const sent = { message: hello, raw, random, sessionId, extensions, keyShares: [], transcript, ...offersNothing }
  return waitServerHello(connection, sent)
}
