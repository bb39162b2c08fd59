import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  Alert,
  AlertReceivedError,
  alertMeaning,
  alertName,
  CipherSuite,
  cipherSuiteName,
  compareVersions,
  isTLS13Suite,
  NamedGroup,
  NextProtocol,
  namedGroupName,
  SignatureScheme,
  signatureSchemeName,
  TLSVersion,
} from 'polytls'

describe('registries', () => {
  for (const [what, registry, nameOf] of [
    ['cipher suites', CipherSuite, cipherSuiteName],
    ['groups', NamedGroup, namedGroupName],
    ['signature schemes', SignatureScheme, signatureSchemeName],
  ] as const) {
    it(`${what} have distinct code points, each with its name`, () => {
      const entries = Object.entries(registry) as [string, number][]
      assert.equal(new Set(entries.map(([, codePoint]) => codePoint)).size, entries.length)
      for (const [name, codePoint] of entries) {
        assert.ok(Number.isInteger(codePoint) && codePoint >= 0 && codePoint <= 0xffff)
        assert.equal(nameOf(codePoint), name)
      }
    })

    it(`${what} that are not known are called by number`, () => {
      assert.equal(nameOf(0xfafa), '0xfafa')
      assert.equal(nameOf(0x7), '0x0007')
    })
  }

  it('there are the fifteen suites of PEP 748', () => {
    assert.equal(Object.keys(CipherSuite).length, 15)
    assert.deepEqual(Object.values(CipherSuite).filter(isTLS13Suite), [0x1301, 0x1302, 0x1303, 0x1304, 0x1305])
  })

  it('code points are those of IANA', () => {
    assert.equal(CipherSuite.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0xcca9)
    assert.equal(NamedGroup.X25519MLKEM768, 4588)
    assert.equal(NamedGroup.x25519, 29)
    assert.equal(SignatureScheme.rsa_pss_rsae_sha256, 0x0804)
    assert.equal(Alert.no_application_protocol, 120)
    assert.equal(NextProtocol.H2, 'h2')
    assert.equal(NextProtocol.XMPP_SERVER, 'xmpp-server')
  })

  it('versions have an order', () => {
    const { MINIMUM_SUPPORTED, TLSv1_2, TLSv1_3, MAXIMUM_SUPPORTED } = TLSVersion
    const ascending = [MINIMUM_SUPPORTED, TLSv1_2, TLSv1_3, MAXIMUM_SUPPORTED]
    assert.deepEqual([...ascending].reverse().sort(compareVersions), ascending)
    assert.equal(compareVersions(TLSv1_2, TLSv1_2), 0)
  })

  it('alerts have names, also those that nobody knows', () => {
    assert.equal(alertName(40), 'handshake_failure')
    assert.equal(alertName(200), 'alert 200')
    for (const name of Object.keys(alertMeaning)) assert.ok(Object.hasOwn(Alert, name), name)
    assert.equal(new AlertReceivedError(70).hint, alertMeaning.protocol_version)
    assert.equal(new AlertReceivedError(200).alert, 'alert 200')
    assert.match(new AlertReceivedError(200).message, /with alert 200$/)
    assert.match(new AlertReceivedError(70).message, /with the alert protocol_version$/)
    assert.equal(new AlertReceivedError(200).hint, undefined)
  })
})
