import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatIpAddress, parseIpAddress } from '#polytls/x509/ip-address.js'
import { matchesServerIdentity, parseServerIdentity } from '#polytls/x509/server-identity.js'

const matches = (presented: string, reference: string) => {
  const identity = parseServerIdentity(reference)
  assert.ok(identity, reference)
  return matchesServerIdentity([{ form: 'dns', value: presented }], identity)
}

test('DNS names match without regard to case, label by label', () => {
  for (const [presented, reference] of [
    ['a.example', 'A.EXAMPLE'],
    ['A.Example', 'a.example.'],
    ['localhost', 'localhost'],
    ['my_host.example', 'my_host.example'],
    ['*.a.example', 'x.a.example'],
    ['*.a.example', 'xn--bcher-kva.a.example'],
  ] as const) {
    assert.equal(matches(presented, reference), true, `${presented} ${reference}`)
  }
})

test('a wildcard is the whole left-most label, stands for one, and has two labels behind it', () => {
  for (const [presented, reference] of [
    ['*.a.example', 'a.example'],
    ['*.a.example', 'x.y.a.example'],
    ['x*.a.example', 'xy.a.example'],
    ['*x.a.example', 'yx.a.example'],
    ['a.*.example', 'a.b.example'],
    ['*.*.example', 'a.b.example'],
    ['xn--*.a.example', 'xn--a.a.example'],
    ['*.example', 'a.example'],
    ['*', 'localhost'],
    ['*.', 'localhost'],
    ['.a.example', 'a.example'],
    ['a.example.', 'a.example'],
    ['192.0.2.1', '192.0.2.1'],
    ['*.0.2.1', '192.0.2.1'],
    ['', 'a.example'],
  ] as const) {
    assert.equal(matches(presented, reference), false, `${presented} ${reference}`)
  }
})

test('an address matches an address only', () => {
  const identity = parseServerIdentity('[2001:db8::1]')
  assert.ok(identity?.kind === 'ip')
  assert.equal(matchesServerIdentity([{ form: 'ip', bytes: identity.bytes }], identity), true)
  assert.equal(matchesServerIdentity([{ form: 'dns', value: '2001:db8::1' }], identity), false)
  const mapped = parseServerIdentity('::ffff:192.0.2.1')
  assert.ok(mapped)
  assert.equal(matchesServerIdentity([{ form: 'ip', bytes: Uint8Array.of(192, 0, 2, 1) }], mapped), false)
})

test('what is neither a name nor an address is no identity', () => {
  for (const wrong of [
    '',
    '.',
    'a..b',
    'bücher.example',
    'a b',
    '[192.0.2.1]',
    '1:2:3',
    'a.example..',
    `${'a'.repeat(64)}.b`,
  ]) {
    assert.equal(parseServerIdentity(wrong), undefined, wrong)
  }
})

test('addresses are read and written', () => {
  const cases: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.01', undefined],
    ['192.0.2.256', undefined],
    ['192.0.2', undefined],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7:8::', undefined],
    [':1', undefined],
    ['fe80::1%eth0', undefined],
    ['12345::', undefined],
    ['::192.0.2.1:1', undefined],
  ]
  for (const [text, expected] of cases) {
    const bytes = parseIpAddress(text)
    assert.equal(bytes === undefined ? undefined : formatIpAddress(bytes), expected, text)
  }
})
