import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ProtocolError } from '#polytls/errors.js'
import { bodyOf, samples } from './samples.js'

describe('every handshake message', () => {
  for (const sample of samples) {
    describe(sample.name, () => {
      it('is decoded as it was encoded, also the order of its extensions', () => {
        const decoded = sample.decode(bodyOf(sample))
        assert.deepEqual(decoded, sample.message)
        assert.deepEqual(extensionOrder(decoded), extensionOrder(sample.message))
      })

      it('says its length in its header', () => {
        const [, high, middle, low] = sample.encoded
        assert.equal(((high ?? 0) << 16) | ((middle ?? 0) << 8) | (low ?? 0), bodyOf(sample).length)
      })

      it('is refused when anything is missing at its end', () => {
        const body = bodyOf(sample)
        for (let length = 0; length < body.length; length++) {
          if (sample.alsoComplete.includes(length)) continue
          assert.throws(() => sample.decode(body.slice(0, length)), isRefusal, `${length} of ${body.length} bytes`)
        }
      })

      it('is refused with decode_error when anything follows', () => {
        const body = bodyOf(sample)
        assert.throws(() => sample.decode(Uint8Array.of(...body, 0)), { alert: 'decode_error' })
      })
    })
  }
})

function isRefusal(error: unknown): boolean {
  return error instanceof ProtocolError && ['decode_error', 'missing_extension'].includes(error.alert ?? '')
}

function extensionOrder(message: unknown): readonly string[] {
  return Object.keys((message as { extensions?: object }).extensions ?? {})
}
