import { ApplicationProtocol, AttributeNumber, BufferType } from './constants.ts'
import { AlgorithmUsage, type CryptoSetting } from './crypto-settings.ts'
import { BufferDescriptor, type BufferPlace, type Memory, newHandle } from './memory.ts'
import type {
  Attribute,
  AttributeAnswer,
  Attributes,
  ContextAnswer,
  ContextCall,
  Credentials,
  NativeSecurity,
  SecHandle,
} from './native.ts'
import { isError, Status } from './status.ts'
import {
  CRYPTO_SETTINGS,
  encodeStructure,
  readBytes,
  readNumber,
  SCH_CREDENTIALS,
  SCHANNEL_CRED,
  SecPkgContext_ApplicationProtocol,
  SecPkgContext_CipherInfo,
  SecPkgContext_ConnectionInfo,
  SecPkgContext_SessionInfo,
  SecPkgContext_StreamSizes,
  TLS_PARAMETERS,
  UNICODE_STRING,
} from './structures.ts'

export type Secur32 = Pick<
  NativeSecurity,
  | 'AcquireCredentialsHandle'
  | 'FreeCredentialsHandle'
  | 'InitializeSecurityContext'
  | 'AcceptSecurityContext'
  | 'DeleteSecurityContext'
  | 'ApplyControlToken'
  | 'EncryptMessage'
  | 'DecryptMessage'
  | 'QueryContextAttributes'
>

/** The functions of secur32 over the real library. */
export function secur32On(memory: Memory): Secur32 {
  const { functions } = memory
  const input = new BufferDescriptor(memory, 3)
  const output = new BufferDescriptor(memory, 3)
  const message = new BufferDescriptor(memory, 4)
  const attributes = Buffer.alloc(4)
  const expiry = Buffer.alloc(8)

  /** The part of InitializeSecurityContext and AcceptSecurityContext that both share: buffers in, buffers out. */
  function exchange(
    call: ContextCall,
    run: (inputDescriptor: Buffer | null, context: SecHandle) => number,
  ): ContextAnswer {
    const { token, applicationProtocols, context = newHandle() } = call
    const given: BufferPlace[] = []
    if (token !== undefined) given.push(placeOf(BufferType.TOKEN, token), emptyBuffer)
    if (applicationProtocols !== undefined) given.push(placeOf(BufferType.APPLICATION_PROTOCOLS, applicationProtocols))
    input.with(...given)
    output.with(absent(BufferType.TOKEN), absent(BufferType.ALERT), emptyBuffer)
    const status = run(given.length === 0 ? null : input.memory, context) >>> 0
    const answers = [output.at(0), output.at(1)]
    const [answered, alert] = answers.map(({ address, length }) => memory.copy(address, length))
    for (const { address } of answers) if (address !== 0n) functions.FreeContextBuffer(address)
    const extra = token === undefined ? undefined : input.find(BufferType.EXTRA)
    return {
      status,
      context: call.context ?? (isError(status) ? undefined : context),
      token: (answered?.byteLength ?? 0) > 0 ? (answered as Uint8Array) : (alert as Uint8Array),
      extraBytes: Math.min(extra?.length ?? 0, token?.byteLength ?? 0),
    }
  }

  function placeOf(type: number, bytes: Uint8Array): BufferPlace {
    return { type, address: memory.address(bytes), length: bytes.byteLength }
  }

  return {
    AcquireCredentialsHandle(use, credentials) {
      const handle = newHandle()
      const encoded = encodeCredentials(memory, credentials)
      const status =
        functions.AcquireCredentialsHandleW(
          null,
          'Microsoft Unified Security Protocol Provider',
          use === 'inbound' ? 1 : 2,
          null,
          encoded.structure,
          null,
          null,
          handle,
          expiry,
        ) >>> 0
      encoded.release()
      return { status, handle: status === Status.SEC_E_OK ? handle : undefined }
    },

    FreeCredentialsHandle(handle) {
      functions.FreeCredentialsHandle(handle)
    },

    InitializeSecurityContext(call) {
      return exchange(call, (inputDescriptor, context) =>
        functions.InitializeSecurityContextW(
          call.credentials,
          call.context ?? null,
          call.targetName ?? null,
          call.requirements,
          0,
          0,
          inputDescriptor,
          0,
          context,
          output.memory,
          attributes,
          expiry,
        ),
      )
    },

    AcceptSecurityContext(call) {
      return exchange(call, (inputDescriptor, context) =>
        functions.AcceptSecurityContext(
          call.credentials,
          call.context ?? null,
          inputDescriptor,
          call.requirements,
          0,
          context,
          output.memory,
          attributes,
          expiry,
        ),
      )
    },

    DeleteSecurityContext(context) {
      functions.DeleteSecurityContext(context)
    },

    ApplyControlToken(context, token) {
      return functions.ApplyControlToken(context, input.with(placeOf(BufferType.TOKEN, token)).memory) >>> 0
    },

    EncryptMessage(context, { bytes, headerBytes, dataBytes, trailerBytes }) {
      const start = memory.address(bytes)
      const dataStart = start + BigInt(headerBytes)
      message.with(
        { type: BufferType.STREAM_HEADER, address: start, length: headerBytes },
        { type: BufferType.DATA, address: dataStart, length: dataBytes },
        { type: BufferType.STREAM_TRAILER, address: dataStart + BigInt(dataBytes), length: trailerBytes },
        emptyBuffer,
      )
      const status = functions.EncryptMessage(context, 0, message.memory, 0) >>> 0
      if (status !== Status.SEC_E_OK) return { status, ciphertext: bytes.subarray(0, 0) }
      // Header and trailer are what Windows made of them, which may be shorter than the room that they had.
      let length = 0
      for (const index of [0, 1, 2]) {
        const { address, length: partBytes } = message.at(index)
        const offset = Number(address - start)
        if (offset !== length) bytes.copyWithin(length, offset, offset + partBytes)
        length += partBytes
      }
      return { status, ciphertext: bytes.subarray(0, length) }
    },

    DecryptMessage(context, ciphertext) {
      const start = memory.address(ciphertext)
      message.with(placeOf(BufferType.DATA, ciphertext), emptyBuffer, emptyBuffer, emptyBuffer)
      const status = functions.DecryptMessage(context, message.memory, 0, null) >>> 0
      const viewOf = (place: BufferPlace | undefined): Uint8Array => {
        if (place === undefined || place.length === 0) return ciphertext.subarray(0, 0)
        // What is left over lies at the end, also where Windows does not say so.
        const offset = place.address === 0n ? ciphertext.byteLength - place.length : Number(place.address - start)
        return ciphertext.subarray(Math.max(0, offset), Math.max(0, offset) + place.length)
      }
      const succeeded = status === Status.SEC_E_OK
      return {
        status,
        // Where nothing was decrypted, what it calls data is still what was given.
        data: succeeded ? viewOf(message.find(BufferType.DATA)) : ciphertext.subarray(0, 0),
        extra: viewOf(message.find(BufferType.EXTRA)),
      }
    },

    QueryContextAttributes<A extends Attribute>(context: SecHandle, attribute: A): AttributeAnswer<A> {
      const { structure, read } = attributeReaders[attribute]
      const bytes = structure()
      const status = functions.QueryContextAttributesW(context, AttributeNumber[attribute], bytes) >>> 0
      return { status, value: status === Status.SEC_E_OK ? (read(bytes) as Attributes[A]) : undefined }
    },
  }
}

const emptyBuffer: BufferPlace = absent(BufferType.EMPTY)

function absent(type: number): BufferPlace {
  return { type, address: 0n, length: 0 }
}

const attributeReaders: {
  readonly [A in Attribute]: {
    readonly structure: () => Buffer
    readonly read: (bytes: Buffer) => Attributes[A] | undefined
  }
} = {
  STREAM_SIZES: {
    structure: () => encodeStructure(SecPkgContext_StreamSizes, {}),
    read: (bytes) => ({
      headerBytes: readNumber(SecPkgContext_StreamSizes, bytes, 'cbHeader'),
      trailerBytes: readNumber(SecPkgContext_StreamSizes, bytes, 'cbTrailer'),
      maximumMessageBytes: readNumber(SecPkgContext_StreamSizes, bytes, 'cbMaximumMessage'),
    }),
  },
  CONNECTION_INFO: {
    structure: () => encodeStructure(SecPkgContext_ConnectionInfo, {}),
    read: (bytes) => ({ protocol: readNumber(SecPkgContext_ConnectionInfo, bytes, 'dwProtocol') }),
  },
  CIPHER_INFO: {
    // SECPKGCONTEXT_CIPHERINFO_V1.
    structure: () => encodeStructure(SecPkgContext_CipherInfo, { dwVersion: 1 }),
    read: (bytes) => ({
      protocol: readNumber(SecPkgContext_CipherInfo, bytes, 'dwProtocol'),
      cipherSuite: readNumber(SecPkgContext_CipherInfo, bytes, 'dwCipherSuite'),
    }),
  },
  APPLICATION_PROTOCOL: {
    structure: () => encodeStructure(SecPkgContext_ApplicationProtocol, {}),
    read: (bytes) => {
      const isALPN = readNumber(SecPkgContext_ApplicationProtocol, bytes, 'ProtoNegoExt') === ApplicationProtocol.ALPN
      const length = isALPN ? readNumber(SecPkgContext_ApplicationProtocol, bytes, 'ProtocolIdSize') : 0
      return {
        status: readNumber(SecPkgContext_ApplicationProtocol, bytes, 'ProtoNegoStatus'),
        protocol: readBytes(SecPkgContext_ApplicationProtocol, bytes, 'ProtocolId').slice(0, length),
      }
    },
  },
  REMOTE_CERT_CONTEXT: {
    structure: () => Buffer.alloc(8),
    read: (bytes) => bytes.readBigUInt64LE(0) || undefined,
  },
  SESSION_INFO: {
    structure: () => encodeStructure(SecPkgContext_SessionInfo, {}),
    read: (bytes) => ({ flags: readNumber(SecPkgContext_SessionInfo, bytes, 'dwFlags') }),
  },
}

/** A structure with pointers into others, which `release` keeps alive: to be called once nobody reads it any more. */
interface Encoded {
  readonly structure: Buffer
  release(): void
}

/** Exported for tests, which read the bytes back. */
export function encodeCredentials(memory: Pick<Memory, 'address'>, credentials: Credentials): Encoded {
  const kept: Buffer[] = []
  const keep = (bytes: Buffer): bigint => {
    kept.push(bytes)
    return memory.address(bytes)
  }
  const { certificates, flags, sessionLifespanMilliseconds, rootStore = 0n } = credentials
  const shared = {
    cCreds: certificates.length,
    paCred: keep(Buffer.from(BigUint64Array.from(certificates).buffer)),
    hRootStore: rootStore,
    dwSessionLifespan: sessionLifespanMilliseconds,
    dwFlags: flags,
  }
  const structure =
    credentials.structure === 'SCHANNEL_CRED'
      ? encodeStructure(SCHANNEL_CRED, {
          dwVersion: 4,
          ...shared,
          grbitEnabledProtocols: credentials.enabledProtocols,
        })
      : encodeStructure(SCH_CREDENTIALS, {
          dwVersion: 5,
          ...shared,
          cTlsParameters: 1,
          pTlsParameters: keep(
            encodeStructure(TLS_PARAMETERS, {
              grbitDisabledProtocols: credentials.disabledProtocols,
              cDisabledCrypto: credentials.disabledCrypto.length,
              pDisabledCrypto: keep(Buffer.concat(credentials.disabledCrypto.map((each) => encodeSetting(each, keep)))),
            }),
          ),
        })
  return {
    structure,
    release() {
      // Only this mention keeps what the structure points at from being collected during the call. It names no secret to wipe.
      kept.length = 0
    },
  }
}

function encodeSetting({ usage, algorithm, chainingModes }: CryptoSetting, keep: (bytes: Buffer) => bigint): Buffer {
  const modes = chainingModes.map((mode) => encodeStructure(UNICODE_STRING, unicodeString(mode, keep)))
  const name = unicodeString(algorithm, keep)
  return encodeStructure(CRYPTO_SETTINGS, {
    eAlgorithmUsage: AlgorithmUsage[usage],
    'strCngAlgId.Length': name.Length,
    'strCngAlgId.MaximumLength': name.MaximumLength,
    'strCngAlgId.Buffer': name.Buffer,
    cChainingModes: modes.length,
    rgstrChainingModes: keep(Buffer.concat(modes)),
  })
}

function unicodeString(
  text: string,
  keep: (bytes: Buffer) => bigint,
): { readonly Length: number; readonly MaximumLength: number; readonly Buffer: bigint } {
  const bytes = Buffer.from(`${text}\0`, 'utf16le')
  return { Length: bytes.byteLength - 2, MaximumLength: bytes.byteLength, Buffer: keep(bytes) }
}
