import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { encodeElement, encodeNull, encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { decodeCertificate, isSelfIssued } from '#polytls/x509/certificate.js'
import {
  alternativeNames,
  basicConstraints,
  type CertificateOptions,
  dns,
  extendedKeyUsage,
  extension,
  ip,
  keyUsage,
  makeCertificate,
  nameOf,
} from './make-certificate.ts'

const make = (options: Partial<CertificateOptions> = {}) => makeCertificate({ subject: 'CN=a', ...options })

test('a certificate is decoded into its parts', () => {
  const der = make({
    issuer: 'CN=Root,O=Example',
    serial: 0x1234,
    notBefore: '2024-02-29T12:30:45Z',
    notAfter: '2051-01-01',
    extensions: [
      basicConstraints(true, 3),
      keyUsage(0, 5),
      extendedKeyUsage('1.3.6.1.5.5.7.3.1'),
      alternativeNames(dns('a.example'), ip(192, 0, 2, 1)),
      extension('1.2.3.4', encodeNull(), true),
    ],
  })
  const certificate = decodeCertificate(der)
  assert.equal(certificate.version, 3)
  assert.deepEqual([...certificate.serialNumber], [0x12, 0x34])
  assert.equal(certificate.issuer.toString(), 'CN=Root,O=Example')
  assert.equal(certificate.notBefore.seconds, Date.parse('2024-02-29T12:30:45Z') / 1000)
  assert.equal(certificate.notAfter.generalized, true)
  assert.deepEqual(certificate.signatureChoice, { algorithm: { type: 'ecdsa', hash: 'sha256' } })
  const { extensions } = certificate
  assert.deepEqual(extensions.basicConstraints, { isAuthority: true, pathLength: 3 })
  assert.equal(extensions.keyUsage, 0b100001)
  assert.deepEqual(extensions.extendedKeyUsage, ['1.3.6.1.5.5.7.3.1'])
  assert.deepEqual(extensions.subjectAlternativeName, [
    { form: 'dns', value: 'a.example' },
    { form: 'ip', bytes: Uint8Array.of(192, 0, 2, 1) },
  ])
  assert.deepEqual(extensions.unknownCritical, ['1.2.3.4'])
  assert.equal(isSelfIssued(certificate), false)
})

test('version 1 has no extensions', () => {
  assert.equal(decodeCertificate(make({ version: 1 })).version, 1)
  assert.equal(decodeCertificate(make({ version: 2 })).version, 2)
  assert.throws(() => decodeCertificate(make({ version: 1, extensions: [basicConstraints(true)] })), DecodeError)
})

test('malformed certificates are refused by name of the part', () => {
  const der = make()
  const cases: [Uint8Array, RegExp][] = [
    [Uint8Array.of(), /found the end/],
    [Uint8Array.from([...der, 0]), /trailing bytes/],
    [der.subarray(0, -1), /bytes, where .* are left/],
    [make({ serial: Uint8Array.of(0x80) }), /serialNumber: a negative number/],
    [make({ serial: new Uint8Array(21).fill(1) }), /serialNumber: more than 20 bytes/],
    [make({ serial: Uint8Array.of(0, 1) }), /shortest form/],
    [make({ issuer: '' }), /issuer: an empty name/],
    [make({ innerAlgorithm: encodeSequence(encodeElement(0x06, Uint8Array.of(0x2b, 0x65, 0x70))) }), /differs/],
    [make({ extensions: [keyUsage(0), keyUsage(5)] }), /2\.5\.29\.15 twice/],
    [make({ extensions: [alternativeNames()] }), /no name at all/],
    [make({ extensions: [alternativeNames(dns('é'))] }), /ASCII/],
    [make({ extensions: [alternativeNames(ip(1, 2, 3))] }), /IP address of 3 bytes/],
    [make({ extensions: [alternativeNames(encodeElement(0x89))] }), /form that does not exist/],
    [make({ extensions: [extendedKeyUsage()] }), /KeyPurposeId/],
    [make({ extensions: [extension('2.5.29.19', encodeSequence(encodeUnsigned(1), encodeUnsigned(1)))] }), /trailing/],
    [make({ extensions: [extension('2.5.29.36', encodeSequence())] }), /no constraint/],
    [make({ subject: encodeSequence(encodeElement(0x31)) }), /attribute/],
  ]
  for (const [bytes, message] of cases) {
    assert.throws(
      () => decodeCertificate(bytes),
      (error) => error instanceof DecodeError && message.test(error.message),
      String(message),
    )
  }
})

test('times have the forms of RFC 5280 only', () => {
  const validity = (content: string, tag = 0x17) => {
    const der = make()
    const time = encodeElement(0x17, new TextEncoder().encode('200101000000Z'))
    const wrong = encodeElement(tag, new TextEncoder().encode(content))
    const at = Buffer.from(der).indexOf(Buffer.from(time))
    return wrong.length === time.length
      ? Uint8Array.from([...der.subarray(0, at), ...wrong, ...der.subarray(at + 15)])
      : der
  }
  for (const wrong of [
    '200230000000Z',
    '200101240000Z',
    '200101006000Z',
    '200101000060Z',
    '20010100000aZ',
    '2001010000+00',
  ]) {
    assert.throws(() => decodeCertificate(validity(wrong)), DecodeError, wrong)
  }
  assert.equal(decodeCertificate(validity('500101000000Z')).notBefore.seconds, Date.UTC(1950, 0, 1) / 1000)
  assert.equal(decodeCertificate(validity('200229235959Z')).notBefore.seconds, Date.UTC(2020, 1, 29, 23, 59, 59) / 1000)
})

test('names are compared as RFC 5280 wants it', () => {
  const key = (name: string | Uint8Array) => decodeCertificate(make({ subject: name })).subject.key
  assert.equal(key('CN=Example CA'), key(nameOf('CN=EXAMPLE  ca ', 0x13)))
  assert.equal(key('CN=Straße,O=Ä'), key('CN=STRAßE,O=ä'))
  assert.notEqual(key('CN=a,O=b'), key('O=b,CN=a'))
  assert.notEqual(key('CN=ab'), key('CN=a b'))
  assert.notEqual(key('CN=a'), key('OU=a'))
  assert.notEqual(key('CN=a,O=b'), key('CN=a'))
})

test('names are written as RFC 4514 wants it', () => {
  const text = (name: string) => decodeCertificate(make({ subject: name, issuer: 'CN=i' })).subject.toString()
  assert.equal(text('CN=a+b;c,O=Köln'), 'CN=a\\+b\\;c,O=Köln')
  assert.equal(text('CN= x '), 'CN=\\ x\\ ')
  assert.equal(text('CN=line\nend'), 'CN=line\\0aend')
  assert.equal(text('1.2.3=x'), '1.2.3=x')
  assert.equal(text(''), '')
})
