import type { SecHandle } from './native.ts'
import type { Functions } from './prototypes.ts'
import { encodeStructure, layoutOf, SecBuffer, SecBufferDesc } from './structures.ts'

export type Koffi = typeof import('koffi')

/** The functions of Windows, and access to the memory that they speak of. */
export class Memory {
  readonly koffi: Koffi
  readonly functions: Functions
  /** The last that were asked for: Windows may still read what nobody in JavaScript mentions any more. */
  readonly #alive: NodeJS.TypedArray[] = []
  #next = 0

  constructor(koffi: Koffi, functions: Functions) {
    this.koffi = koffi
    this.functions = functions
  }

  /** Where bytes of ours lie. They stay there until some calls later; what has to stay longer, the caller keeps. */
  address(bytes: NodeJS.TypedArray): bigint {
    if (bytes.byteLength === 0) return 0n
    this.#alive[this.#next++ % aliveCount] = bytes
    return this.koffi.address(bytes)
  }

  /** A copy of native memory. */
  copy(address: bigint, length: number): Uint8Array {
    if (address === 0n || length <= 0) return new Uint8Array(0)
    return new Uint8Array(this.koffi.view(address, length)).slice()
  }

  /** The pointers in a native array of them. */
  pointers(address: bigint, count: number): readonly bigint[] {
    const bytes = this.copy(address, count * 8)
    return [...new BigUint64Array(bytes.buffer, 0, bytes.byteLength / 8)]
  }
}

/** More than one call takes. */
const aliveCount = 16

/** One SecBuffer: what it is, where it lies and how long it is. */
export interface BufferPlace {
  readonly type: number
  readonly address: bigint
  readonly length: number
}

/**
 * A SecBufferDesc with its SecBuffers, for Windows to read and to change. One is used for many calls: a call is synchronous, and what it
 * answered is read before the next.
 */
export class BufferDescriptor {
  /** What a function takes for a PSecBufferDesc. */
  readonly memory: Buffer
  readonly #buffers: Buffer
  #count = 0

  constructor(memory: Memory, capacity: number) {
    this.#buffers = Buffer.alloc(capacity * bufferSize)
    this.memory = encodeStructure(SecBufferDesc, { pBuffers: memory.address(this.#buffers) })
  }

  /** Fills it. */
  with(...buffers: readonly BufferPlace[]): this {
    this.#count = buffers.length
    for (const [index, { type, address, length }] of buffers.entries()) {
      const at = index * bufferSize
      this.#buffers.writeUInt32LE(length, at)
      this.#buffers.writeUInt32LE(type, at + 4)
      this.#buffers.writeBigUInt64LE(address, at + 8)
    }
    this.memory.writeUInt32LE(buffers.length, 4)
    return this
  }

  /** What a buffer is after the call. */
  at(index: number): BufferPlace {
    const at = index * bufferSize
    return {
      length: this.#buffers.readUInt32LE(at),
      type: this.#buffers.readUInt32LE(at + 4),
      address: this.#buffers.readBigUInt64LE(at + 8),
    }
  }

  /** The first buffer of a type after the call. */
  find(type: number): BufferPlace | undefined {
    for (let index = 0; index < this.#count; index++) {
      const place = this.at(index)
      if (place.type === type) return place
    }
    return undefined
  }
}

const bufferSize = layoutOf(SecBuffer).size

/** Memory for a CredHandle or CtxtHandle: two words. */
export function newHandle(): SecHandle {
  return Buffer.alloc(16)
}
