/**
 * AES-CCM on noble's AES block function, which noble itself does not have. RFC 3610 with nonces of twelve bytes, hence a length
 * field of three: plaintexts up to 16 MiB, additional data below 65280 bytes.
 */
import { unsafe } from '@noble/ciphers/aes.js'
import { equalBytes } from '@noble/ciphers/utils.js'

/** Both directions take memory that they may read at any alignment and return fresh memory. */
export interface Ccm {
  /** Ciphertext followed by the tag. */
  seal(nonce: Uint8Array, additionalData: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** `undefined` when the tag is not the right one; it is compared in constant time. */
  open(nonce: Uint8Array, additionalData: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
}

/** `tagLength` is 16, or 8 for the `_8` suites. The expanded key lives as long as the object. */
export function createCcm(key: Uint8Array, tagLength: number): Ccm {
  const expanded = unsafe.expandKeyLE(key)
  return {
    seal(nonce, additionalData, plaintext) {
      checkLengths(additionalData, plaintext.length)
      const tag = authenticate(expanded, tagLength, nonce, additionalData, plaintext)
      const sealed = new Uint8Array(plaintext.length + tagLength)
      sealed.set(plaintext)
      applyKeystream(expanded, nonce, sealed.subarray(0, plaintext.length), tag)
      sealed.set(tag.subarray(0, tagLength), plaintext.length)
      return sealed
    },
    open(nonce, additionalData, ciphertext) {
      const length = ciphertext.length - tagLength
      if (length < 0) return undefined
      checkLengths(additionalData, length)
      const plaintext = Uint8Array.from(ciphertext.subarray(0, length))
      const received = new Uint8Array(16)
      received.set(ciphertext.subarray(length))
      applyKeystream(expanded, nonce, plaintext, received)
      const expected = authenticate(expanded, tagLength, nonce, additionalData, plaintext)
      if (equalBytes(expected.subarray(0, tagLength), received.subarray(0, tagLength))) return plaintext
      plaintext.fill(0)
      return undefined
    },
  }
}

function checkLengths(additionalData: Uint8Array, length: number): void {
  if (additionalData.length >= 0xff00) throw new RangeError('CCM takes less than 65280 bytes of additional data here')
  if (length >= 2 ** 24) throw new RangeError('CCM with nonces of twelve bytes takes less than 16 MiB')
}

/** CBC-MAC over the first block, the additional data and the plaintext, each padded with zeros: RFC 3610, Section 2.2. */
function authenticate(
  key: Uint32Array,
  tagLength: number,
  nonce: Uint8Array,
  additionalData: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const first = new Uint8Array(16)
  first[0] = (additionalData.length > 0 ? 0x40 : 0) | (((tagLength - 2) / 2) << 3) | 2
  first.set(nonce, 1)
  first[13] = plaintext.length >>> 16
  first[14] = plaintext.length >>> 8
  first[15] = plaintext.length
  let state = chain(key, { s0: 0, s1: 0, s2: 0, s3: 0 }, first)
  if (additionalData.length > 0) {
    const prefixed = new Uint8Array(2 + additionalData.length)
    prefixed[0] = additionalData.length >>> 8
    prefixed[1] = additionalData.length
    prefixed.set(additionalData, 2)
    state = chain(key, state, prefixed)
  }
  state = chain(key, state, plaintext)
  return bytesOfState(state)
}

/** Four words as noble's AES has them: little-endian, whatever the machine is. */
interface State {
  readonly s0: number
  readonly s1: number
  readonly s2: number
  readonly s3: number
}

function chain(key: Uint32Array, start: State, data: Uint8Array): State {
  const whole = data.length - (data.length % 16)
  const view = new DataView(data.buffer, data.byteOffset, whole)
  let state = start
  for (let at = 0; at < whole; at += 16) state = step(key, state, view, at)
  if (whole === data.length) return state
  const last = new Uint8Array(16)
  last.set(data.subarray(whole))
  state = step(key, state, new DataView(last.buffer), 0)
  last.fill(0)
  return state
}

function step(key: Uint32Array, state: State, view: DataView, at: number): State {
  return unsafe.encrypt(
    key,
    state.s0 ^ view.getUint32(at, true),
    state.s1 ^ view.getUint32(at + 4, true),
    state.s2 ^ view.getUint32(at + 8, true),
    state.s3 ^ view.getUint32(at + 12, true),
  )
}

function bytesOfState(state: State): Uint8Array {
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, state.s0, true)
  view.setUint32(4, state.s1, true)
  view.setUint32(8, state.s2, true)
  view.setUint32(12, state.s3, true)
  return bytes
}

/** Counter mode in place: block 0 covers the tag, blocks from 1 on the data. RFC 3610, Section 2.3. */
function applyKeystream(key: Uint32Array, nonce: Uint8Array, data: Uint8Array, tag: Uint8Array): void {
  const counter = new Uint8Array(16)
  counter[0] = 2
  counter.set(nonce, 1)
  const view = new DataView(counter.buffer)
  for (let block = 0, at = -16; at < data.length; block++, at += 16) {
    counter[13] = block >>> 16
    counter[14] = block >>> 8
    counter[15] = block
    const keystream = bytesOfState(
      unsafe.encrypt(
        key,
        view.getUint32(0, true),
        view.getUint32(4, true),
        view.getUint32(8, true),
        view.getUint32(12, true),
      ),
    )
    const target = block === 0 ? tag : data.subarray(at, at + 16)
    for (let i = 0; i < target.length; i++) target[i] = (target[i] ?? 0) ^ (keystream[i] ?? 0)
  }
}
