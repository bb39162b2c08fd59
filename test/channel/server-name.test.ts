import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConfigurationError } from 'polytls'
import { parseServerName } from '#polytls/channel/server-name.js'

describe('server names', () => {
  for (const [text, name] of [
    ['example.test', 'example.test'],
    ['EXAMPLE.Test', 'example.test'],
    ['example.test.', 'example.test'],
    ['localhost', 'localhost'],
    ['_service._tcp.example.test', '_service._tcp.example.test'],
    ['a-b.1c.test', 'a-b.1c.test'],
    ['münchen.test', 'xn--mnchen-3ya.test'],
    ['ÜBER.test', 'xn--ber-goa.test'],
    ['xn--mnchen-3ya.test', 'xn--mnchen-3ya.test'],
    [`${'a'.repeat(63)}.test`, `${'a'.repeat(63)}.test`],
    [`${'abcdefg.'.repeat(31)}test`, `${'abcdefg.'.repeat(31)}test`],
    ['1.2.3.4.example', '1.2.3.4.example'],
  ] as const) {
    it(`'${text.slice(0, 40)}' is a host name`, () => {
      assert.deepEqual(parseServerName(text), { kind: 'dns', name })
    })
  }

  for (const [text, bytes] of [
    ['192.0.2.1', [192, 0, 2, 1]],
    ['0.0.0.0', [0, 0, 0, 0]],
    ['255.255.255.255', [255, 255, 255, 255]],
    ['::', Array.from({ length: 16 }, () => 0)],
    ['::1', [...Array.from({ length: 15 }, () => 0), 1]],
    ['2001:db8::ff00:42:8329', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]],
    ['2001:DB8:0:0:0:FF00:42:8329', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0x42, 0x83, 0x29]],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['::ffff:192.0.2.1', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1]],
    ['fe80::1%eth0', [0xfe, 0x80, ...Array.from({ length: 13 }, () => 0), 1]],
  ] as const) {
    it(`'${text}' is an address`, () => {
      const parsed = parseServerName(text)
      assert.ok(parsed.kind === 'ip')
      assert.deepEqual([...parsed.bytes], bytes)
      assert.equal(parsed.address, text.replace('%eth0', ''))
    })
  }

  for (const text of [
    '',
    '.',
    '..',
    '.test',
    'a..test',
    '-a.test',
    'a b.test',
    'a\0.test',
    'a/b.test',
    'user@host.test',
    'host.test:443',
    'http://host.test',
    '[::1]',
    '*.example.test',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '0x7f.1',
    'example.123',
    ':::',
    '1:2:3:4:5:6:7',
    '1::2::3',
    'g::1',
    `${'a'.repeat(64)}.test`,
    'abcdefg.'.repeat(32),
  ]) {
    it(`${JSON.stringify(text.slice(0, 40))} is neither`, () => {
      assert.throws(
        () => parseServerName(text),
        (error) => error instanceof ConfigurationError && error.field === 'serverName',
      )
    })
  }

  it('what is no string is refused by name as well', () => {
    for (const wrong of [undefined, null, 5, {}, ['a.test']]) {
      assert.throws(() => parseServerName(wrong as never), ConfigurationError)
    }
  })
})
