/** Records and Hellos for a Schannel that is scripted: as they go over the wire, with nothing real inside. */

export function record(type: number, content: Uint8Array): Buffer {
  const header = Buffer.of(type, 3, 3, content.byteLength >> 8, content.byteLength & 0xff)
  return Buffer.concat([header, content])
}

export function handshakeMessage(type: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(type), u24(body.byteLength), body])
}

/** What an encrypted record looks like. */
export function encrypted(text: string): Buffer {
  return record(23, Buffer.from(text))
}

export function plainAlert(description: number): Buffer {
  return record(21, Buffer.of(2, description))
}

export interface HelloOptions {
  readonly serverName?: string
  readonly versions?: readonly number[]
  readonly cipherSuites?: readonly number[]
  readonly groups?: readonly number[]
  readonly signatureSchemes?: readonly number[]
}

export function clientHello(options: HelloOptions = {}): Buffer {
  const {
    serverName,
    versions = [0x0304, 0x0303],
    cipherSuites = [0x1302, 0x1301, 0xc02c, 0xc02b, 0xc030, 0xc02f],
    groups = [0x001d, 0x0017, 0x0018],
    signatureSchemes = [0x0804, 0x0403, 0x0401],
  } = options
  const extensions = [
    ...(serverName === undefined
      ? []
      : [extension(0, vector16(Buffer.concat([Buffer.of(0), vector16(Buffer.from(serverName))])))]),
    extension(10, vector16(u16s(groups))),
    extension(13, vector16(u16s(signatureSchemes))),
    extension(43, vector8(u16s(versions))),
  ]
  const body = Buffer.concat([
    Buffer.of(3, 3),
    Buffer.alloc(32, 1),
    vector8(Buffer.alloc(0)),
    vector16(u16s(cipherSuites)),
    vector8(Buffer.of(0)),
    vector16(Buffer.concat(extensions)),
  ])
  return record(22, handshakeMessage(1, body))
}

/** Of TLS 1.3 with a group, else of TLS 1.2. */
export function serverHello(cipherSuite: number, group?: number, random: Uint8Array = Buffer.alloc(32, 2)): Buffer {
  const extensions =
    group === undefined
      ? []
      : [extension(43, u16s([0x0304])), extension(51, Buffer.concat([u16s([group]), vector16(Buffer.alloc(32))]))]
  const body = Buffer.concat([
    Buffer.of(3, 3),
    random,
    vector8(Buffer.alloc(0)),
    u16s([cipherSuite]),
    Buffer.of(0),
    vector16(Buffer.concat(extensions)),
  ])
  return record(22, handshakeMessage(2, body))
}

/** Of TLS 1.2 with an elliptic curve. */
export function serverKeyExchange(group: number, signatureScheme: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(3),
    u16s([group]),
    vector8(Buffer.alloc(65, 4)),
    u16s([signatureScheme]),
    vector16(Buffer.alloc(70)),
  ])
  return record(22, handshakeMessage(12, body))
}

function extension(type: number, content: Uint8Array): Buffer {
  return Buffer.concat([u16s([type]), vector16(content)])
}

function vector8(content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(content.byteLength), content])
}

function vector16(content: Uint8Array): Buffer {
  return Buffer.concat([u16s([content.byteLength]), content])
}

function u16s(values: readonly number[]): Buffer {
  return Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]))
}

function u24(value: number): Buffer {
  return Buffer.of(value >> 16, (value >> 8) & 0xff, value & 0xff)
}
