import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { createSchannelBackend, defaultBackend, schannel, TLSClientConfiguration } from 'polytls'
import { crypt32On } from '#polytls/backends/schannel/crypt32.js'
import { BufferDescriptor } from '#polytls/backends/schannel/memory.js'
import type { Credentials } from '#polytls/backends/schannel/native.js'
import { encodeCredentials } from '#polytls/backends/schannel/secur32.js'
import { isError, lastErrorName, Status, statusName } from '#polytls/backends/schannel/status.js'
import {
  CRYPTO_SETTINGS,
  layoutOf,
  readNumber,
  readPointer,
  SCH_CREDENTIALS,
  SCHANNEL_CRED,
  TLS_PARAMETERS,
  UNICODE_STRING,
} from '#polytls/backends/schannel/structures.js'

/** Memory in which every address leads back to the bytes that lie there. */
function memory(): { address(bytes: NodeJS.TypedArray): bigint; at(address: bigint): Buffer } {
  const places = new Map<bigint, NodeJS.TypedArray>()
  return {
    address(bytes) {
      if (bytes.byteLength === 0) return 0n
      const address = BigInt(places.size + 1) << 16n
      places.set(address, bytes)
      return address
    },
    at(address) {
      const bytes = places.get(address)
      assert.ok(bytes, `nothing lies at 0x${address.toString(16)}`)
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    },
  }
}

const shared = { certificates: [0x1111n, 0x2222n], flags: 0x18, sessionLifespanMilliseconds: 7, rootStore: 0x3333n }

describe('what AcquireCredentialsHandle is given', () => {
  it('SCH_CREDENTIALS holds everything that was asked for, where C looks for it', () => {
    const { address, at } = memory()
    const credentials: Credentials = {
      structure: 'SCH_CREDENTIALS',
      ...shared,
      disabledProtocols: 0x57fc,
      disabledCrypto: [
        { usage: 'Digest', algorithm: 'SHA1', chainingModes: [] },
        { usage: 'Cipher', algorithm: 'AES', chainingModes: ['ChainingModeCBC', 'ChainingModeCCM'] },
      ],
    }
    const { structure } = encodeCredentials({ address }, credentials)
    const number = (name: string) => readNumber(SCH_CREDENTIALS, structure, name)
    assert.deepEqual(
      ['dwVersion', 'cCreds', 'dwFlags', 'dwSessionLifespan', 'cTlsParameters', 'cMappers'].map(number),
      [5, 2, 0x18, 7, 1, 0],
    )
    assert.equal(readPointer(SCH_CREDENTIALS, structure, 'hRootStore'), 0x3333n)
    const list = at(readPointer(SCH_CREDENTIALS, structure, 'paCred'))
    assert.deepEqual([list.readBigUInt64LE(0), list.readBigUInt64LE(8)], [0x1111n, 0x2222n])

    const parameters = at(readPointer(SCH_CREDENTIALS, structure, 'pTlsParameters'))
    assert.equal(readNumber(TLS_PARAMETERS, parameters, 'grbitDisabledProtocols'), 0x57fc)
    assert.equal(readNumber(TLS_PARAMETERS, parameters, 'cDisabledCrypto'), 2)
    assert.equal(readNumber(TLS_PARAMETERS, parameters, 'dwFlags'), 0)
    const settings = at(readPointer(TLS_PARAMETERS, parameters, 'pDisabledCrypto'))
    const size = layoutOf(CRYPTO_SETTINGS).size
    const textAt = (pointer: bigint, length: number) => at(pointer).toString('utf16le', 0, length)
    const first = settings.subarray(0, size)
    assert.equal(readNumber(CRYPTO_SETTINGS, first, 'eAlgorithmUsage'), 3)
    assert.equal(
      textAt(
        readPointer(CRYPTO_SETTINGS, first, 'strCngAlgId.Buffer'),
        readNumber(CRYPTO_SETTINGS, first, 'strCngAlgId.Length'),
      ),
      'SHA1',
    )
    assert.equal(readPointer(CRYPTO_SETTINGS, first, 'rgstrChainingModes'), 0n)
    const second = settings.subarray(size)
    assert.equal(readNumber(CRYPTO_SETTINGS, second, 'eAlgorithmUsage'), 2)
    assert.equal(readNumber(CRYPTO_SETTINGS, second, 'cChainingModes'), 2)
    const mode = at(readPointer(CRYPTO_SETTINGS, second, 'rgstrChainingModes')).subarray(layoutOf(UNICODE_STRING).size)
    assert.equal(
      textAt(readPointer(UNICODE_STRING, mode, 'Buffer'), readNumber(UNICODE_STRING, mode, 'Length')),
      'ChainingModeCCM',
    )
    assert.equal(readNumber(UNICODE_STRING, mode, 'MaximumLength'), 'ChainingModeCCM'.length * 2 + 2)
  })

  it('SCHANNEL_CRED says which protocols are enabled', () => {
    const { address } = memory()
    const { structure } = encodeCredentials(
      { address },
      { structure: 'SCHANNEL_CRED', ...shared, enabledProtocols: 0x800 },
    )
    assert.equal(readNumber(SCHANNEL_CRED, structure, 'dwVersion'), 4)
    assert.equal(readNumber(SCHANNEL_CRED, structure, 'cCreds'), 2)
    assert.equal(readNumber(SCHANNEL_CRED, structure, 'grbitEnabledProtocols'), 0x800)
    assert.equal(readNumber(SCHANNEL_CRED, structure, 'dwFlags'), 0x18)
  })
})

it('a descriptor of buffers is filled, changed by Windows and read', () => {
  const { address, at } = memory()
  const descriptor = new BufferDescriptor({ address } as never, 4)
  descriptor.with({ type: 1, address: 0x99n, length: 300 }, { type: 0, address: 0n, length: 0 })
  assert.equal(descriptor.memory.readUInt32LE(0), 0)
  assert.equal(descriptor.memory.readUInt32LE(4), 2)
  const buffers = at(descriptor.memory.readBigUInt64LE(8))
  assert.deepEqual(descriptor.at(0), { type: 1, address: 0x99n, length: 300 })
  // SECBUFFER_EXTRA, 12 bytes.
  buffers.writeUInt32LE(12, 16)
  buffers.writeUInt32LE(5, 20)
  assert.deepEqual(descriptor.find(5), { type: 5, address: 0n, length: 12 })
  descriptor.with({ type: 2, address: 1n, length: 1 })
  assert.equal(descriptor.find(5), undefined)
})

it('a status is told by name and number, and an error from information', () => {
  assert.equal(statusName(0x8009_030e), 'SEC_E_NO_CREDENTIALS (0x8009030e)')
  // As a signed number, which is how C has it.
  assert.equal(statusName(0x8009_030e | 0), 'SEC_E_NO_CREDENTIALS (0x8009030e)')
  assert.equal(statusName(0x8009_9999), '0x80099999')
  for (const [name, status] of Object.entries(Status)) {
    assert.equal(isError(status), !/^SEC_I|SEC_E_OK|^ERROR_/.test(name), name)
  }
})

it('an error that a function left behind is told by name, and none is not called success', () => {
  assert.equal(lastErrorName(Status.E_INVALIDARG), 'E_INVALIDARG (0x80070057)')
  assert.equal(lastErrorName(0), 'no reason given, GetLastError says 0')
})

it('an error is that of the function which failed, not one that an earlier function left behind', () => {
  let last = 0
  const failing = (error: number | undefined) => () => {
    if (error !== undefined) last = error
    return null
  }
  const functions = {
    GetLastError: () => last,
    SetLastError: (error: number) => {
      last = error
    },
    CertOpenStore: failing(Status.SEC_E_INSUFFICIENT_MEMORY),
    PFXImportCertStore: failing(undefined),
  }
  const crypt32 = crypt32On({ functions, address: () => 1n } as never)
  assert.equal(crypt32.CertOpenStoreInMemory().error, Status.SEC_E_INSUFFICIENT_MEMORY)
  assert.equal(crypt32.PFXImportCertStore(Buffer.alloc(1), 'open sesame', 0).error, 0)
})

describe('on other systems', { skip: process.platform === 'win32' && 'this is Windows' }, () => {
  it('the backend says that it is not available, and why, and refuses by that', () => {
    for (const backend of [schannel, createSchannelBackend({ name: 'old', credentials: 'legacy' })]) {
      const { available } = backend
      assert.ok(!available.yes)
      assert.match(available.reason, /Windows/)
      assert.equal(backend.version, '')
      assert.deepEqual(backend.capabilities.roles, [])
      assert.throws(() => backend.clientContext(new TLSClientConfiguration({})), /not available: .*Windows/)
      assert.throws(() => backend.explain(new TLSClientConfiguration({})), /not available/)
    }
  })

  for (const [name, loads] of [
    ['schannel', 'false'],
    // So that this can fail.
    ['openssl', 'true'],
  ] as const) {
    it(`importing and asking ${name} loads koffi: ${loads}`, () => {
      const program = `
      import module from 'node:module'
      const { ${name} } = await import('polytls')
      ${name}.available
      process.stdout.write(String(Object.keys(module._cache).some((each) => each.includes('koffi'))))`
      assert.equal(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }), loads)
    })
  }
})

it('is asked for, never chosen', () => {
  assert.notEqual(defaultBackend().name, 'schannel')
  assert.throws(() => createSchannelBackend({ name: 'x', credentials: 'oldest' as never }), TypeError)
})
