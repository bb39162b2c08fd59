import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { it } from 'node:test'
import { portable, schannel } from 'polytls'
import { cacheOnlyURLRetrieval, TrustError, Usage } from '#polytls/backends/schannel/constants.js'
import type { CertificateChain, NativeSecurity, Pointer } from '#polytls/backends/schannel/native.js'
import { fileTimeOf } from '#polytls/backends/schannel/verification.js'
import { loadWindowsSecurity } from '#polytls/backends/schannel/windows-security.js'
import { hasShortNumber, type MadeCertificate, makeAuthority } from '#polytls/cli/certificates.js'
import { wineVersion } from '../../scripts/wine-version.ts'
import { derOf } from '../backends/schannel/setting.ts'
import { connectionBetween } from '../support/connection.ts'
import { authority, matching, signingChain, trusting } from '../support/identities.ts'
import { makeOddCertificate } from '../support/odd-certificates.ts'

/** The bytes of r and s in the signature on a certificate by P-256: 32 each, unless they begin with zeros. */
function numberBytes(made: MadeCertificate): readonly [number, number] {
  // What ends a certificate is a BIT STRING with SEQUENCE { INTEGER r, INTEGER s }.
  const der = derOf(made)
  for (let at = der.length - 64; at > 0; at--) {
    const isSequence = der[at] === 0x30 && at + 2 + (der[at + 1] ?? 0) === der.length && der[at - 1] === 0
    if (!isSequence || der[at + 2] !== 2) continue
    const first = der[at + 3] ?? 0
    const second = der[at + 5 + first] ?? 0
    const withoutSign = (start: number, length: number): number => (der[start] === 0 ? length - 1 : length)
    return [withoutSign(at + 4, first), withoutSign(at + 6 + first, second)]
  }
  assert.fail('no signature by ECDSA')
}

/** Whether Windows finds the signature on a certificate wrong. */
function refuses(native: NativeSecurity, root: MadeCertificate, leaf: MadeCertificate, name: string): boolean {
  const store: Pointer = native.CertOpenStoreInMemory().value ?? 0n
  for (const each of [root, leaf]) assert.ok(native.CertAddEncodedCertificateToStore(store, derOf(each)).value)
  const [certificate = 0n] = native.CertFindCertificatesInStore(store, { kind: 'subject', text: name })
  const chain: CertificateChain | undefined = native.CertGetCertificateChain({
    engine: undefined,
    certificate,
    time: fileTimeOf(Date.now()),
    additionalStore: store,
    usage: Usage.serverAuth,
    flags: cacheOnlyURLRetrieval,
  }).value
  assert.ok(chain !== undefined)
  native.CertFreeCertificateChain(chain.pointer)
  native.CertFreeCertificateContext(certificate)
  native.CertCloseStore(store)
  return ((chain.elements[0]?.errorStatus ?? 0) & TrustError.IS_NOT_SIGNATURE_VALID) !== 0
}

/**
 * OpenSSL verifies all of these, and Windows has to as well. Wine 8 puts r and s together without filling the shorter one up, and refuses
 * those of different length, one of 128: on Wine, authorities of other tests sign with RSA.
 */
const what = 'every signature by ECDSA is verified, except by Wine 8 those whose numbers differ in length'
it(what, { skip: schannel.available.yes ? false : schannel.available.reason }, async () => {
  const native = loadWindowsSecurity()
  assert.ok(!('reason' in native))
  const isWine8 = wineVersion() === 8
  const root = await makeAuthority({ name: 'Root' })
  const { publicKey } = new X509Certificate(root.certificate)
  const count = { even: 0, uneven: 0 }
  for (let made = 0; made < 5_000 && (count.uneven < 3 || count.even < 100); made++) {
    const leaf = await root.issue({ name: `Leaf ${made}` })
    const [r, s] = numberBytes(leaf)
    const kind = r === s ? 'even' : 'uneven'
    if (kind === 'even' && count.even >= 100) continue
    count[kind]++
    assert.ok(new X509Certificate(leaf.certificate).verify(publicKey))
    assert.equal(refuses(native, root, leaf, `Leaf ${made}`), isWine8 && kind === 'uneven', `${r} and ${s} bytes`)
  }
  assert.deepEqual(count, { even: 100, uneven: 3 })
})

/**
 * OpenSSL signs with all of these, and Windows has to as well. Wine wants each number of a key to have as many bytes as its kind has at most:
 * of the keys that are made for other tests, those that do not are thrown away.
 */
const whichKeys = 'every RSA key signs, except by Wine those with a short number'
it(whichKeys, { skip: schannel.available.yes ? false : schannel.available.reason }, async () => {
  const isWine = wineVersion() !== undefined
  const { certificateChain } = (await matching()).server
  const count = { full: 0, short: 0 }
  for (let made = 0; made < 2_000 && (count.short < 1 || count.full < 20); made++) {
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const kind = hasShortNumber(keys.privateKey.export({ format: 'der', type: 'pkcs8' })) ? 'short' : 'full'
    if (kind === 'full' && count.full >= 20) continue
    count[kind]++
    const identity = await makeOddCertificate({ name: 'A Client', keys })
    using connection = connectionBetween(
      { clientBackend: schannel, serverBackend: portable },
      {
        client: { trustStore: trusting(await authority()), certificateChain: signingChain(identity) },
        server: { certificateChain, clientAuthentication: 'required', trustStore: trusting(identity) },
      },
    )
    const { client, server } = await connection.negotiate()
    if (isWine && kind === 'short') assert.match(String(client), /SEC_E_INTERNAL_ERROR/)
    else assert.deepEqual([client, server], ['done', 'done'], kind)
  }
  assert.ok(count.full === 20 && count.short >= 1)
})
