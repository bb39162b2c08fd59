import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { describe, it } from 'node:test'
import { CipherSuite, ConfigurationError, NamedGroup, TLSClientConfiguration, TLSServerConfiguration } from 'polytls'
import type { SchCredentials } from '#polytls/backends/schannel/native.js'
import { Status } from '#polytls/backends/schannel/status.js'
import { cast, chainOf, clientOf, derOf, established, helloOf12, serverOf, setting } from './setting.ts'

/** SP_PROT_TLS1_2_CLIENT and its like, by schannel.h. */
const [tls12Server, tls12Client, tls13Server, tls13Client] = [0x400, 0x800, 0x1000, 0x2000]
/** SSL 2.0 to TLS 1.1, both sides. */
const obsolete = 0x3fc
const unknownStructure = (credentials: { readonly structure: string }): number =>
  credentials.structure === 'SCH_CREDENTIALS' ? Status.SEC_E_UNKNOWN_CREDENTIALS : Status.SEC_E_OK

describe('credentials', () => {
  /** What the last context of a client was made with. */
  const given = async (options: object): Promise<SchCredentials> => {
    const at = setting()
    await clientOf(at, options)
    const { use, credentials } = at.security.acquired.at(-1) ?? {}
    assert.equal(use, 'outbound')
    assert.equal(credentials?.structure, 'SCH_CREDENTIALS')
    return credentials as SchCredentials
  }

  it('protocols are disabled by name, so that what nobody knows yet stays open above', async () => {
    assert.equal((await given({})).disabledProtocols, obsolete | tls12Server | tls13Server)
    const only13 = await given({ lowestSupportedVersion: 'TLSv1.3' })
    assert.equal(only13.disabledProtocols, obsolete | tls12Server | tls13Server | tls12Client)
  })

  it('an upper bound closes everything above it, whatever it may be', async () => {
    const upTo12 = await given({ highestSupportedVersion: 'TLSv1.2' })
    assert.equal(upTo12.disabledProtocols, (0xffff_ffff & ~tls12Client) >>> 0)
    const upTo13 = await given({ highestSupportedVersion: 'TLSv1.3' })
    assert.equal(upTo13.disabledProtocols, (0xffff_ffff & ~tls12Client & ~tls13Client) >>> 0)
  })

  it('a client validates by itself, shows only what it was given, and resumes nothing', async () => {
    const credentials = await given({})
    // SCH_CRED_MANUAL_CRED_VALIDATION, SCH_CRED_NO_DEFAULT_CREDS and SCH_USE_STRONG_CRYPTO.
    assert.equal(credentials.flags, 0x8 | 0x10 | 0x40_0000)
    assert.equal(credentials.sessionLifespanMilliseconds, 0xffff_ffff)
    assert.deepEqual(credentials.certificates, [])
  })

  it('a server maps nobody to an account and resumes nothing, and names its authorities to clients', async () => {
    const at = setting()
    const { root } = await cast()
    const trustStore = (await clientOf(at)).context.configuration.trustStore
    await serverOf(at, { clientAuthentication: 'required', ...(trustStore && { trustStore }) })
    const { use, credentials } = at.security.acquired.at(-1) ?? {}
    assert.equal(use, 'inbound')
    assert.equal(credentials?.flags, 0x2 | 0x80 | 0x40_0000)
    assert.equal(credentials?.certificates.length, 1)
    assert.notEqual(credentials?.rootStore, undefined)
    assert.ok(root)
  })

  it('of a list of suites, every algorithm is disabled that none of them needs', async () => {
    const { disabledCrypto } = await given({ ciphers: [CipherSuite.TLS_AES_256_GCM_SHA384] })
    const settings = disabledCrypto.map(({ usage, algorithm, chainingModes }) =>
      [usage, algorithm, ...chainingModes].join(' '),
    )
    assert.ok(settings.includes('Digest SHA256'))
    assert.ok(settings.includes('Digest SHA1'))
    assert.ok(settings.includes('KeyExchange RSA'))
    assert.ok(settings.includes('Cipher CHACHA20_POLY1305'))
    assert.ok(
      settings.includes('Cipher AES ChainingModeCCM ChainingModeCBC') ||
        settings.includes('Cipher AES ChainingModeCBC ChainingModeCCM'),
    )
    assert.ok(!settings.includes('Digest SHA384'))
    // Suites of TLS 1.3 say nothing of signatures.
    assert.ok(!settings.some((each) => each.startsWith('Signature')))
    // SCH_CRED_MAX_SUPPORTED_CRYPTO_SETTINGS.
    assert.ok(disabledCrypto.length <= 16, `${disabledCrypto.length} settings`)
  })

  it('in TLS 1.2, the kind of signature is excluded as well', async () => {
    const { disabledCrypto } = await given({ ciphers: [CipherSuite.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256] })
    assert.ok(disabledCrypto.some(({ usage, algorithm }) => usage === 'Signature' && algorithm === 'ECDSA'))
    assert.ok(!disabledCrypto.some(({ usage, algorithm }) => usage === 'Signature' && algorithm === 'RSA'))
  })

  it('groups that are not wanted are disabled by their curves', async () => {
    const { disabledCrypto } = await given({ groups: [NamedGroup.secp384r1] })
    const curves = disabledCrypto
      .filter(({ algorithm }) => /^ECDH_|^curve/.test(algorithm))
      .map(({ algorithm }) => algorithm)
    assert.deepEqual(curves.sort(), ['ECDH_P256', 'ECDH_P521', 'curve25519'])
    assert.ok(
      !(await given({})).disabledCrypto.some(
        ({ usage, algorithm }) => usage === 'KeyExchange' && /^ECDH_/.test(algorithm),
      ),
    )
  })
})

describe('what Schannel cannot be held to', () => {
  for (const [field, options] of [
    ['signatureSchemes[0]', { signatureSchemes: [0x0804] }],
    ['keyLog', { keyLog: () => {} }],
    ['ciphers[0]', { ciphers: [CipherSuite.TLS_AES_128_CCM_8_SHA256] }],
    ['groups[1]', { groups: [NamedGroup.x25519, NamedGroup.X25519MLKEM768] }],
  ] as const) {
    it(`${field} is refused by name, and said beforehand`, () => {
      const { backend } = setting()
      const configuration = new TLSClientConfiguration(options)
      assert.equal(backend.explain(configuration)[0]?.field, field)
      assert.throws(
        () => backend.clientContext(configuration),
        (error) => error instanceof ConfigurationError && error.field === field,
      )
    })
  }
})

describe('the structure of before Windows 10, version 1809', () => {
  for (const status of [
    Status.SEC_E_UNKNOWN_CREDENTIALS,
    Status.SEC_E_INTERNAL_ERROR,
    Status.SEC_E_INVALID_PARAMETER,
    Status.SEC_E_UNSUPPORTED_FUNCTION,
    Status.E_INVALIDARG,
  ]) {
    it(`is used where the newer is answered by 0x${status.toString(16)}, and everybody can see that`, async () => {
      const at = setting()
      at.security.acquire = ({ structure }) => (structure === 'SCH_CREDENTIALS' ? status : Status.SEC_E_OK)
      assert.deepEqual(at.backend.available, { yes: true })
      assert.equal(at.backend.version, 'Windows 10.0.26100 (SCHANNEL_CRED)')
      assert.deepEqual(at.backend.capabilities.versions, ['TLSv1.2'])
      assert.ok(!at.backend.capabilities.ciphers.includes(CipherSuite.TLS_AES_128_GCM_SHA256))
      const channel = await established(at, helloOf12)
      const { credentials } = at.security.acquired.at(-1) ?? {}
      assert.ok(credentials?.structure === 'SCHANNEL_CRED')
      assert.equal(credentials.enabledProtocols, tls12Client)
      assert.equal(channel.facts.credentialStructure, 'SCHANNEL_CRED')
    })
  }

  it('is not tried where Schannel fails for another reason, which is told by name', () => {
    const at = setting()
    at.security.acquire = () => Status.SEC_E_SECPKG_NOT_FOUND
    const { available } = at.backend
    assert.ok(!available.yes)
    assert.match(available.reason, /SEC_E_SECPKG_NOT_FOUND \(0x80090305\)/)
    assert.deepEqual(at.backend.capabilities.roles, [])
    at.security.assertNothingLeft()
  })

  it('cannot have TLS 1.3, and a configuration that wants it is refused with the Windows that would do', () => {
    for (const at of [setting(), setting({ legacy: true })]) {
      at.security.acquire = unknownStructure
      for (const [options, field] of [
        [{ lowestSupportedVersion: 'TLSv1.3' }, 'lowestSupportedVersion'],
        [{ policy: 'mostSecure' }, 'policy'],
      ] as const) {
        const configuration = new TLSClientConfiguration(options)
        const [refusal] = at.backend.explain(configuration)
        assert.equal(refusal?.field, field)
        assert.match(refusal?.reason ?? '', /SCHANNEL_CRED .*Windows 11, Windows Server 2022/)
        assert.throws(() => at.backend.clientContext(configuration), ConfigurationError)
      }
    }
  })

  it('can be asked for, and then the newer is not even tried', async () => {
    const at = setting({ legacy: true })
    const channel = await established(at, helloOf12)
    assert.ok(at.security.acquired.every(({ credentials }) => credentials.structure === 'SCHANNEL_CRED'))
    assert.equal(channel.facts.credentialStructure, 'SCHANNEL_CRED')
  })

  it('is not to blame where a newer Windows has TLS 1.3 switched off', () => {
    const at = setting()
    at.security.offers = { versions: [0x0303], cipherSuites: [0xc02f] }
    const [refusal] = at.backend.explain(new TLSClientConfiguration({ lowestSupportedVersion: 'TLSv1.3' }))
    assert.match(refusal?.reason ?? '', /does not offer TLS 1\.3 \(Windows 10\.0\.26100\)/)
  })
})

describe('what there is', () => {
  it('is read from what Schannel offers, without GREASE, signals and suites without protection', () => {
    const at = setting()
    at.security.offers = { cipherSuites: [0x1a1a, 0x1301, 0xc02f, 0x003b, 0x00a8, 0x00ff], groups: [0x2a2a, 0x001d] }
    assert.deepEqual(at.backend.capabilities.ciphers, [0x1301, 0xc02f])
    assert.deepEqual(at.backend.capabilities.groups, [0x001d])
    at.security.assertNothingLeft()
  })

  it('is asked for once', () => {
    const at = setting()
    assert.equal(at.security.acquired.length, 0)
    for (const _ of [1, 2, 3]) assert.ok(at.backend.available.yes)
    assert.equal(at.security.acquired.length, 1)
  })

  it('is no server where there is none, and then contexts of servers are refused', async () => {
    const at = setting()
    at.security.servesClients = false
    assert.deepEqual(at.backend.capabilities.roles, ['client'])
    await assert.rejects(serverOf(at), /no server's side/)
  })
})

describe('keys', () => {
  it('stay in the memory of the process', async () => {
    const at = setting()
    await serverOf(at)
    // PKCS12_NO_PERSIST_KEY.
    assert.deepEqual(
      at.security.imports.map(({ flags }) => flags),
      [0x8000],
    )
  })

  for (const status of [Status.SEC_E_NO_CREDENTIALS, Status.SEC_E_UNKNOWN_CREDENTIALS]) {
    it(`are stored for as long as the context lives where Schannel answers 0x${status.toString(16)}, and deleted when it fails`, async () => {
      const at = setting()
      let asked = 0
      assert.ok(at.backend.available.yes)
      at.security.acquire = () => (asked++ === 0 ? status : Status.SEC_E_SECPKG_NOT_FOUND)
      await assert.rejects(serverOf(at), /SEC_E_SECPKG_NOT_FOUND/)
      // PKCS12_ALWAYS_CNG_KSP, and no flag that would make it one for the machine.
      assert.deepEqual(
        at.security.imports.map(({ flags }) => flags),
        [0x8000, 0x200],
      )
      assert.equal(at.security.deletedKeys.length, 1)
      at.security.assertNothingLeft()
    })
  }

  it('that were stored and cannot be deleted are warned of, for they stay', async () => {
    const at = setting()
    let asked = 0
    assert.ok(at.backend.available.yes)
    at.security.acquire = () => (asked++ === 0 ? Status.SEC_E_NO_CREDENTIALS : Status.SEC_E_SECPKG_NOT_FOUND)
    at.security.failing.set('NCryptDeleteKey', Status.NTE_BAD_KEYSET)
    const warned = once(process, 'warning') as Promise<[Error & { code?: string }]>
    await assert.rejects(serverOf(at), /SEC_E_SECPKG_NOT_FOUND/)
    const [warning] = await warned
    assert.equal(warning.code, 'POLYTLS_KEY_LEFT_BEHIND')
    assert.match(warning.message, /NTE_BAD_KEYSET \(0x80090016\)/)
    at.security.assertNothingLeft()
  })

  it('that Schannel gives no reason for are not told to be a success', async () => {
    const at = setting()
    at.security.failing.set('PFXImportCertStore', 0)
    await assert.rejects(serverOf(at), (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /Windows cannot import it: no reason given/)
      assert.doesNotMatch(error.message, /SEC_E_OK/)
      return true
    })
  })

  it('that Schannel cannot use are refused by name', async () => {
    const at = setting()
    assert.ok(at.backend.available.yes)
    at.security.acquire = () => Status.SEC_E_NO_CREDENTIALS
    await assert.rejects(serverOf(at), (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.equal(error.field, 'certificateChain[0].key')
      assert.match(error.message, /SEC_E_NO_CREDENTIALS/)
      return true
    })
    assert.equal(at.security.deletedKeys.length, 1)
    at.security.assertNothingLeft()
  })

  it('of another certificate are refused', async () => {
    const at = setting()
    const { server, client } = await cast()
    const certificateChain = [chainOf({ certificate: server.certificate, key: client.key })]
    assert.throws(
      () => at.backend.serverContext(new TLSServerConfiguration({ certificateChain })),
      (error) => error instanceof ConfigurationError && error.field === 'certificateChain[0].key',
    )
    at.security.assertNothingLeft()
  })
})

describe('a context that fails', () => {
  for (const [name, status, field] of [
    ['PFXImportCertStore', Status.ERROR_INVALID_PASSWORD, 'certificateChain[0].key'],
    ['CertOpenStoreInMemory', Status.SEC_E_INSUFFICIENT_MEMORY, 'trustStore'],
    ['CertAddEncodedCertificateToStore', Status.CRYPT_E_ASN1_BADTAG, 'trustStore'],
    ['CertCreateCertificateChainEngine', Status.E_INVALIDARG, 'trustStore'],
  ] as const) {
    it(`by ${name} leaves nothing open, and says so by field and status`, async () => {
      const at = setting()
      const { trustStore } = (await clientOf(at)).context.configuration
      const before = at.security
      before.failing.set(name, status)
      await assert.rejects(
        serverOf(at, { clientAuthentication: 'required', ...(trustStore && { trustStore }) }),
        (error) => {
          assert.ok(error instanceof ConfigurationError, String(error))
          assert.equal(error.field, field)
          assert.match(error.message, /0x/)
          return true
        },
      )
      // What the context of the client holds, and no more.
      assert.equal(at.security.acquired.filter(({ use }) => use === 'inbound').length, 0)
    })
  }

  it('for want of a certificate in the file leaves nothing open', async () => {
    const at = setting()
    const { client } = await cast()
    at.security.importable = [derOf(client)]
    await assert.rejects(
      serverOf(at),
      (error) => error instanceof ConfigurationError && error.field === 'certificateChain[0].leaf',
    )
    at.security.assertNothingLeft()
  })
})
