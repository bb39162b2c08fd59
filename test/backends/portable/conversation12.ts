import assert from 'node:assert/strict'
import type { ClientHello } from '#polytls/backends/portable/messages/client-hello.js'
import type { ExtensionsIn } from '#polytls/backends/portable/messages/extension-forms.js'
import type { ServerHello12 } from '#polytls/backends/portable/messages/server-hello.js'
import { TLSError } from '#polytls/errors.js'
import { answer, type ClientEngine, type ServerEngine } from './engines12.js'
import { Tap } from './tap.js'

export function take(engine: ClientEngine | ServerEngine): Uint8Array {
  return engine.takeOutgoing(Number.POSITIVE_INFINITY)
}

export function withExtensions(hello: ClientHello, extensions: ExtensionsIn<'client_hello'>): ClientHello {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } }
}

export function answering(hello: ServerHello12, extensions: ExtensionsIn<'server_hello12'>): ServerHello12 {
  return { ...hello, extensions: { ...hello.extensions, ...extensions } }
}

export function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = bytes.slice()
  const index = at < 0 ? bytes.length + at : at
  flipped[index] = (flipped[index] ?? 0) ^ 1
  return flipped
}

export function alertOf(error: unknown): string | undefined {
  assert.ok(error instanceof TLSError, String(error))
  return error.alert
}

/** A conversation that both sides leave with an error. */
export function failing(
  client: ClientEngine,
  server: ServerEngine,
  respond: (side: ClientEngine | ServerEngine) => void = answer,
): { readonly errors: { readonly client: unknown; readonly server: unknown } } {
  const errors: { client: unknown; server: unknown } = { client: undefined, server: undefined }
  for (let round = 0; round < 10; round++) {
    for (const [role, side, other] of [
      ['client', client, server],
      ['server', server, client],
    ] as const) {
      try {
        if (errors[role] === undefined) while (side.handshake() === 'paused') respond(side)
        if (errors[role] === undefined && side.isEstablished) side.receive()
      } catch (error) {
        errors[role] = error
      }
      other.feed(take(side))
    }
  }
  assert.ok(errors.client !== undefined && errors.server !== undefined, 'neither side may be left without an error')
  return { errors }
}

/** What the client fails with when one message of the server is changed on its way. */
export function misled(
  client: ClientEngine,
  server: ServerEngine,
  name: string,
  change: (bytes: Uint8Array) => Uint8Array,
): unknown {
  return drive(client, server, new Tap(server), name, change)
}

/** Talks through a tap until somebody fails or nothing is left; `change` sees the message of that name, or every one. */
export function drive(
  client: ClientEngine,
  server: ServerEngine,
  tap: Tap,
  name: string | undefined,
  change: (bytes: Uint8Array) => Uint8Array,
): unknown {
  const other = tap.engine === client ? server : client
  try {
    client.handshake()
    for (let round = 0; round < 40; round++) {
      while (tap.items.length > 0) {
        tap.deliver(other, (bytes, each) => (name === undefined || each === name ? change(bytes) : bytes))
      }
      if (!other.isEstablished) other.handshake()
      tap.engine.feed(take(other))
      if (!tap.engine.isEstablished) tap.engine.handshake()
    }
  } catch (error) {
    return error
  }
  return undefined
}
