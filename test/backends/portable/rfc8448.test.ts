import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { EarlyStage } from '#polytls/backends/portable/key-schedule.js'
import { bytes, crypto, hex, suite, Trace, traces } from './rfc8448.js'

const named = new Map([
  ['3', 'a simple handshake'],
  ['5', 'a handshake after HelloRetryRequest'],
  ['6', 'client authentication'],
  ['7', 'middlebox compatibility'],
])

for (const [section, name] of named) {
  describe(`RFC 8448, Section ${section}: ${name}`, () => {
    const trace = new Trace(traces[section] ?? [])

    it('the key schedule gives every secret, key and Finished of the trace', () => {
      const transcript = trace.transcript()
      const secret = trace.agree(trace.last('server', /key pair/, 'public key'))
      const stage = new EarlyStage(crypto, suite.hash).shareSecret(suite, secret)
      transcript.add(trace.last('server', /ServerHello/, 'ServerHello'))
      const handshake = stage.traffic(transcript.digest())
      assert.deepEqual(hex(handshake.client.reveal()), trace.hex('server', /c hs traffic/, 'expanded'))
      assert.deepEqual(hex(handshake.server.reveal()), trace.hex('server', /s hs traffic/, 'expanded'))
      for (const message of ['EncryptedExtensions', 'CertificateRequest', 'Certificate', 'CertificateVerify']) {
        transcript.add(trace.message('server', message))
      }
      const serverFinished = handshake.server.finished(transcript.digest())
      assert.equal(hex(serverFinished), trace.hex('server', /calculate finished/, 'finished'))
      transcript.add(trace.message('server', 'Finished'))
      const master = stage.finish()
      const application = master.traffic(transcript.digest())
      assert.equal(hex(application.client.reveal()), trace.hex('server', /c ap traffic/, 'expanded'))
      assert.equal(hex(application.server.reveal()), trace.hex('server', /s ap traffic/, 'expanded'))
      assert.equal(hex(master.exporter(transcript.digest()).reveal()), trace.hex('server', /exp master/, 'expanded'))
      for (const message of ['Certificate', 'CertificateVerify']) transcript.add(trace.message('client', message))
      const clientFinished = handshake.client.finished(transcript.digest())
      assert.equal(hex(clientFinished), trace.hex('client', /calculate finished/, 'finished'))
      transcript.add(trace.message('client', 'Finished'))
      assert.equal(hex(master.resumption(transcript.digest()).reveal()), trace.hex('client', /res master/, 'expanded'))
    })

    it('a server seals the records of the trace', () => {
      const transcript = trace.transcript()
      const secret = trace.agree(trace.last('server', /key pair/, 'public key'))
      const stage = new EarlyStage(crypto, suite.hash).shareSecret(suite, secret)
      transcript.add(trace.last('server', /ServerHello/, 'ServerHello'))
      const sealer = stage.traffic(transcript.digest()).server.sealer()
      const { payload = '', 'complete record': record = '' } = trace.serverFlight()
      const sealed = new Uint8Array(sealer.sealedLength(payload.length / 2))
      assert.equal(sealer.seal(22, bytes(payload), sealed, 0), sealed.length)
      assert.equal(hex(sealed), record)
    })

    it('a client that is given the keys of the trace sends what the trace has', () => {
      const engine = trace.client()
      engine.handshake()
      engine.takeOutgoing(Number.POSITIVE_INFINITY)
      for (const record of trace.serverHandshakeRecords()) engine.feed(record)
      if (engine.handshake() === 'paused') {
        engine.resume(bytes(trace.hex('client', /CertificateVerify/, 'CertificateVerify')).subarray(8))
        assert.equal(engine.handshake(), 'done')
      }
      assert.equal(hex(engine.takeOutgoing(Number.POSITIVE_INFINITY)), trace.clientFlight())
      for (const step of trace.afterHandshake()) {
        const { side, payload = '', 'complete record': record = '' } = step
        if (side === 'client') {
          if (/alert/.test(step.step)) engine.close()
          else engine.transmit(bytes(payload))
          assert.equal(hex(engine.takeOutgoing(Number.POSITIVE_INFINITY)), record, step.step)
          continue
        }
        engine.feed(bytes(record))
        const received = engine.receive()
        if (/handshake/.test(step.step)) assert.equal(received, 'want-read')
        else if (/alert/.test(step.step)) assert.equal(received, 'closed')
        else {
          assert.equal(hex(received as Uint8Array), payload)
          engine.consume(payload.length / 2)
        }
      }
    })
  })
}
