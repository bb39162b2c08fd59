import { optionalFunction, requireObject } from '../config/arguments.ts'
import { TLSClientConfiguration } from '../config/client-configuration.ts'
import { TLSServerConfiguration } from '../config/server-configuration.ts'
import { typeOf } from '../config/source.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from './context.ts'

/** The context of a client that a program has given. @throws TypeError where it is none. */
export function requireClientContext(field: string, value: unknown): ClientContext {
  if (isContext(value, TLSClientConfiguration)) return value as ClientContext
  throw new TypeError(`${field}: expected a ClientContext, got ${nameOf(value)}`)
}

/** The context of a server that a program has given. @throws TypeError where it is none. */
export function requireServerContext(field: string, value: unknown): ServerContext {
  if (isServerContext(value)) return value
  throw new TypeError(`${field}: expected a ServerContext, got ${nameOf(value)}`)
}

export function isServerContext(value: unknown): value is ServerContext {
  return isContext(value, TLSServerConfiguration)
}

/** @throws TypeError for what is no configuration. */
export function requireConfiguration(call: string, value: unknown): void {
  if (value instanceof TLSClientConfiguration || value instanceof TLSServerConfiguration) return
  throw new TypeError(`${call}: expected a configuration, got ${typeOf(value)}`)
}

/** @throws TypeError for what a context cannot take of the world. */
export function requireEnvironment(environment: ContextEnvironment): void {
  requireObject('environment', environment)
  optionalFunction('now', environment.now)
}

function isContext(value: unknown, kind: typeof TLSClientConfiguration | typeof TLSServerConfiguration): boolean {
  const { configuration, createBuffer } = (value ?? {}) as Partial<ServerContext>
  return (configuration as unknown) instanceof kind && typeof createBuffer === 'function'
}

function nameOf(value: unknown): string {
  if (isServerContext(value)) return "a server's"
  return isContext(value, TLSClientConfiguration) ? "a client's" : typeOf(value)
}
