import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { it } from 'node:test'
import { layoutOf, partialStructures, type Structure, structures } from '#polytls/backends/schannel/structures.js'

/** The headers of mingw-w64, as a program for 64-bit Windows includes them. */
const headers = `
#define SECURITY_WIN32
#define SCHANNEL_USE_BLACKLISTS
#include <windows.h>
#include <winternl.h>
#include <wincrypt.h>
#include <sspi.h>
#include <schannel.h>
#include <stddef.h>
`

/** What a C compiler for Windows objects to; nothing where everything is so. */
function compile(assertions: readonly string[]): string {
  const { status, stderr, error } = spawnSync('x86_64-w64-mingw32-gcc', ['-fsyntax-only', '-x', 'c', '-'], {
    input: `${headers}\n${assertions.join('\n')}\n`,
    encoding: 'utf8',
  })
  if (error !== undefined) throw error
  return status === 0 ? '' : stderr
}

function assertionsOf(structure: Structure): readonly string[] {
  const { size, places } = layoutOf(structure)
  const claim = (expression: string, value: number) => `_Static_assert(${expression} == ${value}, "${expression}");`
  return [
    ...(partialStructures.has(structure) ? [] : [claim(`sizeof(${structure.name})`, size)]),
    ...[...places].flatMap(([name, place]) => [
      claim(`offsetof(${structure.name}, ${name})`, place.offset),
      claim(`sizeof(((${structure.name} *)0)->${name})`, place.size),
    ]),
  ]
}

for (const structure of structures) {
  it(`${structure.name} is laid out as the headers of Windows have it`, () => {
    assert.equal(compile(assertionsOf(structure)), '')
  })
}

it('a wrong layout is noticed', () => {
  assert.match(compile(['_Static_assert(sizeof(SecBuffer) == 12, "too small");']), /too small/)
})
