import type { ChannelBindingType } from '../channel/key-material.ts'
import type { TLSBuffer } from '../channel/tls-buffer.ts'
import { SocketMembers } from './socket-members.ts'

/** What a login inside TLS is tied to the connection with, as SCRAM-PLUS does. */
export abstract class KeyMaterialMembers extends SocketMembers {
  protected abstract readonly channel: TLSBuffer

  /**
   * Bytes that only the two ends of this connection can compute. The order of arguments is that of `node:tls`. RFC 9846, Section 7.5;
   * RFC 5705 for TLS 1.2, where no context and an empty one differ.
   * @param length In bytes, from 1 to 8,160.
   * @param label Registered with IANA, or one that begins with `EXPERIMENTAL`.
   * @throws UsageError before the handshake is done, and for a label of TLS itself.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    return bufferOf(this.channel.exportKeyingMaterial(label, length, context))
  }

  /**
   * The same from what is known before the handshake is done: for early data, and no better than that. On a server from the event `early` on.
   * @throws UsageError where no early data was accepted (on a client: sent).
   */
  exportEarlyKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    return bufferOf(this.channel.exportEarlyKeyingMaterial(label, length, context))
  }

  /**
   * What ties an authentication inside to this connection: `tls-exporter` (RFC 9266) or `tls-server-end-point` (RFC 5929, Section 4).
   * @throws UsageError before the handshake is done, and where the connection has no such binding.
   */
  channelBinding(type: ChannelBindingType): Buffer {
    return bufferOf(this.channel.channelBinding(type))
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
