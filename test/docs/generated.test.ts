import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultTable } from '#polytls/backends/portable/faults.js'
import { diagramMarkdown, diagrams } from '../../scripts/diagrams.ts'
import { generatedFolder, regenerate } from '../../scripts/generated.ts'
import { pages } from './repository.ts'

const own = pages().filter(({ path }) => path.startsWith(`${generatedFolder}/`))

describe('the pages of the portable backend', () => {
  it('show the diagrams and tables of the program as it is', () => {
    for (const { path, text } of own) {
      assert.equal(text, regenerate(text), `${path} is out of date: npm run docs:diagrams`)
    }
  })

  it('show every diagram', () => {
    for (const name of Object.keys(diagrams)) {
      const shown = own.filter(({ text }) => text.includes(`<!-- generated: ${name} -->`))
      assert.equal(shown.length, 1, name)
    }
  })

  it('name for each fault the alert that is sent', () => {
    const rows = own.flatMap(({ path, text }) =>
      [...text.matchAll(/^\|.*\| `([a-z0-9-]+)` \| `([a-z_]+)` \|$/gm)].map(([row, fault = '', alert]) => ({
        path,
        row,
        fault,
        alert,
      })),
    )
    assert.ok(rows.length > 30)
    for (const { path, row, fault, alert } of rows) {
      assert.equal(faultTable[fault as keyof typeof faultTable]?.alert, alert, `${path}: ${row}`)
    }
  })
})

describe('the picture of a diagram', () => {
  const drawn = diagramMarkdown({
    arrows: {
      WAIT: { certificate: ['PAUSE', 'DONE'], finished: ['DONE'] },
      PAUSE: { accepted: ['DONE'] },
      DONE: { client_hello: [] },
    },
    starts: ['WAIT'],
  })

  it('has every arrow, begins where the handshake does, and marks pauses', () => {
    const [picture] = drawn.split('```\n\n')
    assert.deepEqual(
      picture?.split('\n').map((line) => line.trim()),
      [
        '```mermaid',
        'stateDiagram-v2',
        '[*] --> WAIT',
        'WAIT --> PAUSE : certificate',
        'WAIT --> DONE : certificate or finished',
        'PAUSE --> DONE : accepted',
        'DONE --> [*] : client_hello',
        'classDef pause stroke-dasharray: 5 5',
        'class PAUSE pause',
        '',
      ],
    )
  })

  it('says the same in the table', () => {
    const [, table] = drawn.split('```\n\n')
    assert.deepEqual(table?.split('\n'), [
      '| state | input | successors |',
      '|---|---|---|',
      '| `WAIT` (start) | `certificate` | `PAUSE`, `DONE` |',
      '|  | `finished` | `DONE` |',
      '| `PAUSE` (pause) | `accepted` | `DONE` |',
      '| `DONE` | `client_hello` | none: refused |',
    ])
  })
})
