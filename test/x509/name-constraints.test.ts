import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '#polytls/codec/decode-error.js'
import { DerReader } from '#polytls/codec/der.js'
import { decodeGeneralName } from '#polytls/x509/general-name.js'
import { decodeNameConstraints, findConstraintViolation } from '#polytls/x509/name-constraints.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import { directory, dns, email, ip, nameConstraintsValue, otherName, uri } from './make-certificate.ts'

type Names = readonly Uint8Array[]
const decode = (permitted: Names, excluded: Names) =>
  decodeNameConstraints(new DerReader(nameConstraintsValue(permitted, excluded), 'constraints'))
const allows = (permitted: Names, excluded: Names, ...names: Names) =>
  findConstraintViolation(
    decode(permitted, excluded),
    names.map((name) => decodeGeneralName(new DerReader(name, 'name'), 'name')),
    new WorkBudget(),
  ) === undefined

/** Constraint, name, whether the constraint covers it: as permitted subtree, and as excluded one. */
function check(
  make: (text: string) => Uint8Array,
  cases: readonly (readonly [string, string, boolean, boolean])[],
): void {
  for (const [constraint, name, within, touched] of cases) {
    assert.equal(allows([make(constraint)], [], make(name)), within, `permitted ${constraint}, name ${name}`)
    assert.equal(allows([], [make(constraint)], make(name)), !touched, `excluded ${constraint}, name ${name}`)
  }
}

test('a DNS constraint covers the name and what is below', () => {
  check(dns, [
    ['example.com', 'example.com', true, true],
    ['Example.COM', 'a.b.eXample.com', true, true],
    ['example.com', 'badexample.com', false, false],
    ['example.com', 'com', false, false],
    ['host.example.com', 'host1.example.com', false, false],
    ['', 'anything.example', true, true],
    ['.example.com', 'a.example.com', true, true],
    ['.example.com', 'example.com', false, false],
  ])
})

test('a wildcard is permitted only where all its names are, and excluded where any is', () => {
  check(dns, [
    ['example.com', '*.example.com', true, true],
    ['.example.com', '*.example.com', true, true],
    ['com', '*.example.com', true, true],
    ['a.example.com', '*.example.com', false, true],
    ['.a.example.com', '*.example.com', false, false],
    ['a.b.example.com', '*.example.com', false, false],
    ['a.example.com', '*.b.example.com', false, false],
    ['', '*.example.com', true, true],
  ])
})

test('names that cannot be understood are refused where their form is constrained', () => {
  for (const wrong of ['.example.com', 'example.com.', '*', 'a.*.example.com', 'a b.example.com', '']) {
    assert.equal(allows([dns('example.com')], [], dns(wrong)), false, wrong)
    assert.equal(allows([], [dns('other.example')], dns(wrong)), false, wrong)
    assert.equal(allows([ip(10, 0, 0, 0, 255, 0, 0, 0)], [], dns(wrong)), true, wrong)
  }
})

test('a mail constraint is a mailbox, a host, or with a dot what is below', () => {
  check(email, [
    ['a@example.com', 'a@EXAMPLE.com', true, true],
    ['a@example.com', 'A@example.com', false, false],
    ['a@example.com', '"a"@example.com', true, true],
    ['example.com', 'a@example.com', true, true],
    ['example.com', 'a@sub.example.com', false, false],
    ['.example.com', 'a@sub.example.com', true, true],
    ['.example.com', 'a@example.com', false, false],
    ['*@example.com', 'a@example.com', false, false],
  ])
  for (const wrong of ['a@b@example.com', 'example.com', '@example.com', 'a@', '"a@example.com', 'a..b@example.com']) {
    assert.equal(allows([email('example.com')], [], email(wrong)), false, wrong)
  }
  assert.equal(allows([email('example.com')], [], otherName('1.3.6.1.5.5.7.8.9')), false)
})

test('a URI constraint is a host, or with a dot what is below', () => {
  const host = (text: string) => uri(text.startsWith('.') || !text.includes(':') ? text : text)
  check(host, [
    ['example.com', 'https://example.com/path', true, true],
    ['example.com', 'https://user:secret@EXAMPLE.com:8443?q#f', true, true],
    ['example.com', 'https://a.example.com', false, false],
    ['.example.com', 'https://a.example.com', true, true],
    ['.example.com', 'https://example.com', false, false],
  ])
  for (const wrong of [
    'urn:example.com',
    'https://192.0.2.1/',
    'https://[2001:db8::1]/',
    'example.com',
    'https:///x',
  ]) {
    assert.equal(allows([uri('example.com')], [], uri(wrong)), false, wrong)
  }
})

test('an address constraint is a network; IPv4 and IPv6 are one form', () => {
  const net = ip(192, 0, 2, 0, 255, 255, 255, 0)
  assert.equal(allows([net], [], ip(192, 0, 2, 9)), true)
  assert.equal(allows([net], [], ip(192, 0, 3, 9)), false)
  assert.equal(allows([], [net], ip(192, 0, 2, 9)), false)
  assert.equal(allows([net], [], ip(...new Array<number>(16).fill(1))), false)
  assert.equal(allows([ip(0, 0, 0, 0, 0, 0, 0, 0)], [], ip(1, 2, 3, 4)), true)
  assert.equal(
    allows(
      [ip(...new Array<number>(15).fill(0), 1, ...new Array<number>(16).fill(255))],
      [],
      ip(...new Array<number>(15).fill(0), 1),
    ),
    true,
  )
})

test('a directory constraint is the beginning of a name', () => {
  const base = directory('O=Example,C=DE')
  assert.equal(allows([base], [], directory('CN=x,O=EXAMPLE,C=DE')), true)
  assert.equal(allows([base], [], directory('O=Example,C=DE')), true)
  assert.equal(allows([base], [], directory('CN=x,O=Other,C=DE')), false)
  assert.equal(allows([base], [], directory('C=DE')), false)
  assert.equal(allows([], [base], directory('CN=x,O=Example,C=DE')), false)
  assert.equal(allows([], [directory('')], directory('CN=x')), false)
})

test('forms are independent; excluded wins; every name counts; what is unknown is refused', () => {
  assert.equal(allows([ip(10, 0, 0, 0, 255, 0, 0, 0)], [], dns('a.example')), true)
  assert.equal(allows([dns('example.com')], [dns('bad.example.com')], dns('x.bad.example.com')), false)
  assert.equal(allows([dns('a.example'), dns('b.example')], [], dns('b.example'), dns('a.example')), true)
  assert.equal(allows([dns('a.example')], [], dns('a.example'), dns('b.example')), false)
  assert.equal(allows([otherName('1.2.3')], [], dns('a.example')), true)
  assert.equal(allows([otherName('1.2.3')], [], otherName('1.2.3')), false)
  assert.equal(allows([], [otherName('1.2.3')], otherName('1.2.3')), false)
  assert.equal(allows([otherName('1.2.3')], [], otherName('1.2.4')), true)
})

test('malformed constraints are refused', () => {
  const wrong: [Names, Names][] = [
    [[], []],
    [[dns('*.example.com')], []],
    [[dns('example.com.')], []],
    [[], [dns('a b')]],
    [[ip(192, 0, 2, 1)], []],
    [[ip(192, 0, 2, 0, 255, 0, 255, 0)], []],
    [[ip(192, 0, 2, 0, 255, 255, 254, 128)], []],
    [[email('a@b@example.com')], []],
    [[email('a@')], []],
  ]
  for (const [permitted, excluded] of wrong) assert.throws(() => decode(permitted, excluded), DecodeError)
})
