import { defaultBackend } from './backends.ts'
import type { Backend } from './channel/backend.ts'
import type { ClientContext, ServerContext } from './channel/context.ts'
import { requireClientContext, requireServerContext } from './channel/given-context.ts'
import { requireObject } from './config/arguments.ts'
import { type ClientOptions, TLSClientConfiguration } from './config/client-configuration.ts'
import { type ServerOptions, TLSServerConfiguration } from './config/server-configuration.ts'

/**
 * Either a configuration, from which a context is made for this one use, or a context that was made before. Programs that connect
 * often make one context and use it for all.
 */
export type ClientSetup =
  | (ClientOptions & {
      /** Default: the first that is available, see `defaultBackend`. */
      readonly backend?: Backend | undefined
      readonly context?: undefined
    })
  | { readonly context: ClientContext }

/** Either a configuration, from which a context is made for this one use, or a context that was made before. */
export type ServerSetup =
  | (ServerOptions & { readonly backend?: Backend | undefined; readonly context?: undefined })
  | { readonly context: ServerContext }

/** The context that a program has made, or one of its configuration. */
export function clientContextOf(setup: ClientSetup): ClientContext {
  requireObject('setup', setup)
  if (setup.context !== undefined) return requireClientContext('context', setup.context)
  const { backend = defaultBackend(), context, ...options } = setup
  return backend.clientContext(new TLSClientConfiguration(options))
}

/** The context that a program has made, or one of its configuration. */
export function serverContextOf(setup: ServerSetup): ServerContext {
  requireObject('setup', setup)
  if (setup.context !== undefined) return requireServerContext('context', setup.context)
  const { backend = defaultBackend(), context, ...options } = setup
  return backend.serverContext(new TLSServerConfiguration(options))
}
