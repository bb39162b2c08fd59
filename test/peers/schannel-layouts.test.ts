import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { it } from 'node:test'
import {
  AttributeNumber,
  BufferType,
  ClientRequirement,
  ControlToken,
  CredentialFlag,
  PFXFlag,
  Protocol,
  ServerRequirement,
  TrustError,
} from '#polytls/backends/schannel/constants.js'
import { Status } from '#polytls/backends/schannel/status.js'
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

/** Each name with the prefixes that it may have in the headers. */
const numbers: readonly (readonly [string, Readonly<Record<string, number>>, readonly string[]])[] = [
  ['statuses', Status, ['']],
  ['versions', Protocol, ['SP_PROT_']],
  ['flags of credentials', CredentialFlag, ['SCH_CRED_', 'SCH_']],
  ['requirements of clients', ClientRequirement, ['ISC_REQ_']],
  ['requirements of servers', ServerRequirement, ['ASC_REQ_']],
  ['types of buffers', BufferType, ['SECBUFFER_']],
  ['attributes', AttributeNumber, ['SECPKG_ATTR_']],
  ['control tokens', ControlToken, ['SCHANNEL_', 'TLS1_']],
  ['flags of PKCS #12', PFXFlag, ['PKCS12_']],
  ['what is wrong with a certificate', TrustError, ['CERT_TRUST_']],
]

/** Each of them is a macro in the headers, by one of the prefixes. */
function valuesOf(values: Readonly<Record<string, number>>, prefixes: readonly string[]): readonly string[] {
  return Object.entries(values).map(([name, value]) =>
    [
      ...prefixes.flatMap((prefix, index) => [
        `#${index === 0 ? '' : 'el'}if defined(${prefix}${name})`,
        `_Static_assert((unsigned long)${prefix}${name} == ${value}u, "${prefix}${name}");`,
      ]),
      '#else',
      `#error ${name} is not in the headers`,
      '#endif',
    ].join('\n'),
  )
}

for (const [what, values, prefixes] of numbers) {
  it(`${what} have the numbers of the headers of Windows`, () => {
    assert.equal(compile(valuesOf(values, prefixes)), '')
  })
}

it('a wrong layout and a wrong number are noticed, and a name that the headers do not have', () => {
  assert.match(compile(['_Static_assert(sizeof(SecBuffer) == 12, "too small");']), /too small/)
  assert.match(compile(valuesOf({ SEC_E_INVALID_TOKEN: 1 }, [''])), /SEC_E_INVALID_TOKEN/)
  assert.match(compile(valuesOf({ SEC_E_NO_SUCH_NAME: 1 }, ['', 'SECPKG_'])), /is not in the headers/)
})
