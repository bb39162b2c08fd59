import { backendNamed, defaultBackend } from './backends.ts'
import type { Backend } from './channel/backend.ts'
import type { ClientContext, ContextEnvironment, ServerContext } from './channel/context.ts'
import { requireConfiguration } from './channel/given-context.ts'
import { type InsecureOptions, insecureOptions } from './channel/insecure.ts'
import { warnOfInsecurity } from './channel/security-warning.ts'
import { requireObject } from './config/arguments.ts'
import type { TLSClientConfiguration } from './config/client-configuration.ts'
import type { TLSServerConfiguration } from './config/server-configuration.ts'
import { typeOf } from './config/source.ts'
import { ConfigurationError } from './errors.ts'

/**
 * Contexts that do not verify whom they speak with, for tests. Whoever is on the way can read and change everything. For a device with a
 * self-signed certificate there is `TrustStore.fromCertificates`, which is safe.
 *
 * Source: PEP 748, "Insecure".
 */

interface InsecureContextOptions {
  /** Default: `defaultBackend()`. */
  readonly backend?: Backend | string
  readonly environment?: ContextEnvironment
}

/** What a client leaves out. */
export interface InsecureClientOptions extends InsecureContextOptions {
  /** Accept any certificate chain, also one that nobody trusts or that has expired; then the name is not checked either. */
  readonly skipChainVerification?: true
  /** Verify the chain, but accept it for any host name or address. */
  readonly skipHostNameCheck?: true
}

/** What a server leaves out. */
export interface InsecureServerOptions extends InsecureContextOptions {
  /** Accept any certificate of a client. It still has to prove that it holds the key. */
  readonly skipChainVerification?: true
}

/**
 * A client's context that leaves out part of the verification. Emits a process warning of the type `SecurityWarning` each time. Facts
 * of its connections say `verified: false` where the chain was not verified.
 * @throws ConfigurationError where nothing insecure is asked for, or the backend cannot honour the configuration; TypeError where an
 * option does not exist.
 */
export function insecureClientContext(
  configuration: TLSClientConfiguration,
  options: InsecureClientOptions,
): ClientContext {
  const insecure = requested('insecureClientContext', options, ['skipChainVerification', 'skipHostNameCheck'])
  const context = backendOf(options).clientContext(configuration, {
    ...options.environment,
    [insecureOptions]: insecure,
  })
  warn('client', insecure)
  return context
}

/**
 * A server's context that accepts any certificate of its clients. Emits a process warning of the type `SecurityWarning` each time.
 * @throws ConfigurationError where nothing insecure is asked for, where the server asks its clients for no certificate, or the backend
 * cannot honour the configuration; TypeError where an option does not exist.
 */
export function insecureServerContext(
  configuration: TLSServerConfiguration,
  options: InsecureServerOptions,
): ServerContext {
  requireConfiguration('serverContext', configuration)
  const insecure = requested('insecureServerContext', options, ['skipChainVerification'])
  if ((configuration.clientAuthentication ?? 'none') === 'none') {
    throw new ConfigurationError('skipChainVerification', 'there is nothing to skip: clientAuthentication is none')
  }
  const context = backendOf(options).serverContext(configuration, {
    ...options.environment,
    [insecureOptions]: insecure,
  })
  warn('server', insecure)
  return context
}

type Skip = keyof InsecureOptions

/** What is to be skipped; refuses a call that asks for nothing, which is more likely a mistake than meant. */
function requested(call: string, options: InsecureClientOptions, known: readonly Skip[]): InsecureOptions {
  requireObject(call, options)
  for (const name of Object.keys(options)) {
    if (![...known, 'backend', 'environment'].includes(name)) {
      throw new TypeError(`there is no option "${name}"; the options are ${known.join(', ')}, backend, environment`)
    }
  }
  const skipped = known.filter((name) => {
    const value: unknown = options[name]
    if (value !== undefined && value !== true) throw new TypeError(`${name}: expected true, or nothing at all`)
    return value === true
  })
  if (skipped.length === 0) {
    throw new ConfigurationError(known.join(', '), 'nothing insecure is asked for', {
      hint: 'use the context of the backend itself',
    })
  }
  return Object.fromEntries(skipped.map((name) => [name, true]))
}

function backendOf({ backend }: InsecureContextOptions): Backend {
  if (backend === undefined) return defaultBackend()
  if (typeof backend === 'string') return backendNamed(backend)
  if (typeof backend?.clientContext === 'function' && typeof backend.serverContext === 'function') return backend
  throw new TypeError(`backend: expected a Backend or its name, got ${typeOf(backend)}`)
}

function warn(role: 'client' | 'server', { skipChainVerification }: InsecureOptions): void {
  const what =
    skipChainVerification === true
      ? `accepts any certificate of its ${role === 'client' ? 'servers' : 'clients'}`
      : 'accepts the certificates of any host'
  warnOfInsecurity(`an insecure TLS ${role} context ${what}`)
}
