import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChainsByName } from '#polytls/channel/chains-by-name.js'

describe('chains by name', () => {
  const chains = new ChainsByName([
    ['default.test'],
    ['*.wild.test'],
    ['exact.wild.test'],
    ['both.test'],
    ['both.test'],
    ['*.localhost'],
    [],
    ['default.test'],
  ])

  for (const [name, expected] of [
    ['exact.wild.test', [2]],
    ['EXACT.wild.test', [2]],
    ['exact.wild.test.', [2]],
    ['other.wild.test', [1]],
    ['wild.test', [0, 7]],
    ['a.b.wild.test', [0, 7]],
    ['both.test', [3, 4]],
    ['a.localhost', [5]],
    ['localhost', [0, 7]],
    ['unknown', [0, 7]],
    ['', [0, 7]],
    ['*.wild.test', [1]],
    [undefined, [0, 7]],
  ] as const) {
    it(`${name === undefined ? 'no name' : `'${name}'`} is served by ${expected.join(' and ')}`, () => {
      assert.deepEqual(chains.choose(name), expected)
    })
  }

  it('every set that can be chosen is among the groups', () => {
    const groups = new Set([...chains.groups()].map(String))
    for (const name of ['exact.wild.test', 'x.wild.test', 'both.test', 'a.localhost', undefined]) {
      assert.ok(groups.has(String(chains.choose(name))))
    }
  })

  it('a chain that names something twice is listed once', () => {
    const twice = new ChainsByName([['a.test'], ['b.test', 'b.test']])
    assert.deepEqual(twice.choose('b.test'), [1])
  })
})
