import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { TLSClientConfiguration } from 'polytls'
import { abilitiesOf } from '#polytls/backends/portable/abilities.js'
import { CertificateCompression } from '#polytls/backends/portable/certificate-compression.js'
import { waitServerHello } from '#polytls/backends/portable/client13.js'
import { Engine } from '#polytls/backends/portable/engine.js'
import { decodeCertificate } from '#polytls/backends/portable/messages/certificate.js'
import { decodeClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import { offeredExtensions } from '#polytls/backends/portable/messages/extensions.js'
import { PeerVerifier } from '#polytls/backends/portable/peer-verification.js'
import { settingsOf } from '#polytls/backends/portable/settings.js'
import type { ClientSetup, Credential } from '#polytls/backends/portable/setup.js'
import { type SuiteParameters, suites } from '#polytls/backends/portable/suites.js'
import { Transcript } from '#polytls/backends/portable/transcript.js'
import { groupCode } from '#polytls/crypto/algorithms.js'
import { createNodeCrypto } from '#polytls/crypto/node/provider.js'
import type { CryptoProvider, KeyShare, PublicKey } from '#polytls/crypto/provider.js'
import { noSessions, offersNothing } from '../../support/no-sessions.ts'

/** RFC 8448, Sections 3, 5, 6 and 7, as the RFC prints them, by its names. Section 4 is about resumption, which is not there yet. */
export type Step = { readonly side: string; readonly step: string } & { readonly [field: string]: string }
export const traces = JSON.parse(
  readFileSync(
    fileURLToPath(new URL('../../../../test/backends/portable/rfc8448-traces.json', import.meta.url)),
    'utf8',
  ),
) as { readonly [section: string]: readonly Step[] }

export const crypto: CryptoProvider = createNodeCrypto()
/** The one suite of all traces. */
export const suite: SuiteParameters = suites.get(0x1301) as SuiteParameters

export class Trace {
  readonly #steps: readonly Step[]

  constructor(steps: readonly Step[]) {
    this.#steps = steps
  }

  hex(side: string, step: RegExp, field: string): string {
    const found = this.#steps.findLast(
      (each) => each.side === side && step.test(each.step) && each[field] !== undefined,
    )
    assert.ok(found !== undefined, `${side} ${step}`)
    return found[field] as string
  }

  last(side: string, step: RegExp, field: string): Uint8Array {
    return bytes(this.hex(side, step, field))
  }

  /** A message of one side; nothing where the trace has none. */
  message(side: string, name: string): Uint8Array {
    const found = this.#steps.findLast((each) => each.side === side && each[name] !== undefined)
    return bytes(found?.[name] ?? '')
  }

  /** What both have said up to the last ClientHello. */
  transcript(): Transcript {
    const transcript = new Transcript(crypto)
    const hellos = this.#all('client', 'ClientHello')
    transcript.add(bytes(hellos[0] ?? ''))
    if (hellos.length > 1) {
      transcript.replaceByHash(suite.hash)
      transcript.add(bytes(this.#all('server', 'ServerHello')[0] ?? ''))
      transcript.add(bytes(hellos[1] ?? ''))
    }
    transcript.start(suite.hash)
    return transcript
  }

  agree(peer: Uint8Array): Uint8Array {
    const secret = this.#keyShare().agree(peer)
    assert.ok(secret !== undefined)
    return secret
  }

  serverFlight(): Step {
    const found = this.#steps.findLast(
      ({ side, step, payload }) => side === 'server' && /handshake record/.test(step) && payload?.startsWith('08'),
    )
    assert.ok(found !== undefined)
    return found
  }

  /** The records of the server's hello that counts, and of its flight. */
  serverHandshakeRecords(): readonly Uint8Array[] {
    const flight = this.#steps.indexOf(this.serverFlight())
    const hello = this.#steps.findLastIndex(({ side, payload }) => side === 'server' && payload?.startsWith('0200'))
    return this.#steps
      .slice(hello, flight + 1)
      .flatMap((step) => (step.side === 'server' ? (step['complete record'] ?? []) : []))
      .map(bytes)
  }

  clientFlight(): string {
    const flight = this.#steps.indexOf(this.serverFlight())
    const rest = this.#steps.slice(flight + 1)
    const end = rest.findIndex(({ side, step }) => side === 'client' && /handshake record/.test(step))
    const records = rest.slice(0, end + 1).filter((step) => step.side === 'client')
    return records.map((step) => step['complete record'] ?? '').join('')
  }

  afterHandshake(): readonly Step[] {
    const end = this.#steps.findLastIndex(({ side, step }) => side === 'client' && /handshake record/.test(step))
    return this.#steps.slice(end + 1).filter((step) => step['complete record'] !== undefined)
  }

  client(): Engine<ClientSetup> {
    const raw = this.message('client', 'ClientHello')
    const message = decodeClientHello(raw.subarray(4))
    const configuration = new TLSClientConfiguration()
    const verifier = new PeerVerifier({
      crypto,
      anchors: undefined,
      purpose: 'server-authentication',
      now: Date.now,
      skipsHostNameCheck: true,
      ocspStapling: 'none',
    })
    const setup: ClientSetup = {
      configuration,
      crypto,
      settings: settingsOf(configuration, abilitiesOf(crypto)),
      certificateCompression: new CertificateCompression([]),
      paddingMultipleBytes: undefined,
      credential: this.#credential(),
      loadChosen: () => {
        throw new Error('nothing is chosen here')
      },
      verifier,
      sessions: noSessions(crypto, verifier),
    }
    return new Engine<ClientSetup>(setup, {
      isClient: true,
      serverName: undefined,
      start: (connection) => {
        connection.send(raw)
        return waitServerHello(connection, {
          message,
          raw,
          random: message.random,
          sessionId: message.sessionId,
          extensions: offeredExtensions(message.extensions),
          ...offersNothing,
          keyShares: [this.#keyShare()],
          transcript: this.transcript(),
        })
      },
    })
  }

  /** The client's certificate, with a signature that the trace has made already: RSA-PSS is random. */
  #credential(): Credential | undefined {
    const certificate = this.message('client', 'Certificate')
    if (certificate.length === 0) return undefined
    const { entries } = decodeCertificate(certificate.subarray(4))
    const signer = { publicKey: new Uint8Array(0), schemes: [0x0804], sign: () => new Uint8Array(0) }
    return {
      chain: entries.map((entry) => entry.certificate),
      // The engine does not look at it: that it fits was found when the context was made.
      publicKey: {} as PublicKey,
      key: { kind: 'remote', signer },
      schemes: signer.schemes,
      endPoint: undefined,
      ocspResponse: undefined,
      timestamps: [],
    }
  }

  /** The client's last ephemeral key. */
  #keyShare(): KeyShare {
    const privateKey = this.hex('client', /key pair/, 'private key')
    const publicKey = this.last('client', /key pair/, 'public key')
    const isP256 = publicKey.length === 65
    const jwk = (key: Uint8Array): { [name: string]: string } =>
      isP256
        ? { kty: 'EC', crv: 'P-256', x: base64url(key.subarray(1, 33)), y: base64url(key.subarray(33)) }
        : { kty: 'OKP', crv: 'X25519', x: base64url(key) }
    const own = createPrivateKey({ key: { ...jwk(publicKey), d: base64url(bytes(privateKey)) }, format: 'jwk' })
    return {
      group: isP256 ? groupCode.secp256r1 : groupCode.x25519,
      publicKey,
      agree: (peer) =>
        diffieHellman({ privateKey: own, publicKey: createPublicKey({ key: jwk(peer), format: 'jwk' }) }),
    }
  }

  #all(side: string, field: string): readonly string[] {
    return this.#steps.flatMap((step) => (step.side === side ? (step[field] ?? []) : []))
  }
}

export function bytes(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

export function hex(content: Uint8Array): string {
  return Buffer.from(content).toString('hex')
}

function base64url(content: Uint8Array): string {
  return Buffer.from(content).toString('base64url')
}
