import type { Session } from '../config/session.ts'
import { ConfigurationError } from '../errors.ts'
import type { Backend, Feature } from './backend.ts'
import type { EarlyDataSteps } from './early-data.ts'
import type { ChannelBindingType, KeyMaterial } from './key-material.ts'
import type { ClientCertificateRequest, PostHandshakeSteps } from './post-handshake.ts'
import type { Waiting } from './tls-buffer.ts'

/** For a call that a backend has no way to carry out: the error names it, as it would name an option of a configuration. */
export function unsupported(backend: Backend, feature: Feature, call: string): ConfigurationError {
  return new ConfigurationError(call, `the backend ${backend.name} cannot do this`, {
    hint: `backend.capabilities.features.has('${feature}') tells beforehand`,
  })
}

/** The channel of a backend that has none of what is optional: everything is refused by name. Such a channel extends it. */
export abstract class PlainBuffer implements PostHandshakeSteps, EarlyDataSteps, KeyMaterial {
  abstract readonly context: { readonly backend: Backend }

  takeSessions(): readonly Session[] {
    return []
  }

  sendTicket(): void {
    throw unsupported(this.context.backend, 'sessions', 'sendTicket')
  }

  requestClientCertificate(): ClientCertificateRequest {
    throw unsupported(this.context.backend, 'post-handshake-authentication', 'requestClientCertificate')
  }

  updateKeys(_options?: { readonly requestPeer?: boolean }): void {
    throw unsupported(this.context.backend, 'key-update', 'updateKeys')
  }

  readEarlyData(_maxBytes: number): Uint8Array | Waiting {
    return 'closed'
  }

  writeEarlyData(_data: Uint8Array): number | Waiting {
    throw unsupported(this.context.backend, 'early-data', 'writeEarlyData')
  }

  exportKeyingMaterial(_label: string, _length: number, _context?: Uint8Array): Uint8Array {
    throw unsupported(this.context.backend, 'exporters', 'exportKeyingMaterial')
  }

  exportEarlyKeyingMaterial(_label: string, _length: number, _context?: Uint8Array): Uint8Array {
    throw unsupported(this.context.backend, 'exporters', 'exportEarlyKeyingMaterial')
  }

  channelBinding(_type: ChannelBindingType): Uint8Array {
    throw unsupported(this.context.backend, 'channel-bindings', 'channelBinding')
  }
}
