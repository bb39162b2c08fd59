/** The diagrams of the portable backend's handshakes, as pages show them: made from the same data as the program. */
import { CLIENT12, type startClient12 } from '#polytls/backends/portable/client12.js'
import { CLIENT13, type startClient } from '#polytls/backends/portable/client13.js'
import { RESUMED_CLIENT12, type startResumedClient12 } from '#polytls/backends/portable/resumed-client12.js'
import { RESUMED_SERVER12 } from '#polytls/backends/portable/resumed-server12.js'
import { SERVER12, type startServer12 } from '#polytls/backends/portable/server12.js'
import { SERVER13, type startServer } from '#polytls/backends/portable/server13.js'

/** For each state, to which states each input can lead. */
export type Arrows = { readonly [state: string]: { readonly [input: string]: readonly string[] | undefined } }

export interface DrawnDiagram {
  readonly arrows: Arrows
  /** The states that a handshake can begin with. */
  readonly starts: readonly string[]
}

/** What the function that begins a handshake returns: the compiler sees that none is forgotten here and none invented. */
type Starts<Start extends (...parameters: never) => { readonly name: string }> = {
  readonly [S in ReturnType<Start>['name']]: true
}
const client13: Starts<typeof startClient> = { TAKING_SESSION: true, WAIT_SH: true }
const server13: Starts<typeof startServer> = { WAIT_CH: true }
const client12: Starts<typeof startClient12> = { WAIT_CERT: true }
const resumedClient12: Starts<typeof startResumedClient12> = { WAIT_TICKET: true, WAIT_CCS: true }
const server12: Starts<typeof startServer12> = { SIGNING: true, WAIT_CERT: true, WAIT_CKE: true }

export const diagrams: { readonly [name: string]: DrawnDiagram } = {
  CLIENT13: { arrows: CLIENT13, starts: Object.keys(client13) },
  SERVER13: { arrows: SERVER13, starts: Object.keys(server13) },
  CLIENT12: { arrows: CLIENT12, starts: Object.keys(client12) },
  SERVER12: { arrows: SERVER12, starts: Object.keys(server12) },
  RESUMED_CLIENT12: { arrows: RESUMED_CLIENT12, starts: Object.keys(resumedClient12) },
  // Where a session is found, and what was found before it is asked for.
  RESUMED_SERVER12: { arrows: RESUMED_SERVER12, starts: ['FINDING_SESSION', 'WAIT_CCS'] },
}

/** A picture in Mermaid's language, and the same as a table. */
export function diagramMarkdown(diagram: DrawnDiagram): string {
  return `\`\`\`mermaid\n${mermaid(diagram)}\n\`\`\`\n\n${table(diagram)}`
}

function mermaid({ arrows, starts }: DrawnDiagram): string {
  const lines = ['stateDiagram-v2', ...starts.map((state) => `  [*] --> ${state}`)]
  for (const [state, inputs] of Object.entries(arrows)) {
    // Two inputs with the same end are one arrow, so that the picture stays readable.
    const inputsByEnd = new Map<string, string[]>()
    for (const [input, ends] of entriesOf(inputs)) {
      for (const end of ends.length === 0 ? ['[*]'] : ends) {
        inputsByEnd.set(end, [...(inputsByEnd.get(end) ?? []), input])
      }
    }
    for (const [end, labels] of inputsByEnd) lines.push(`  ${state} --> ${end} : ${labels.join(' or ')}`)
    if (inputsByEnd.size === 0) lines.push(`  ${state} --> [*]`)
  }
  const pauses = Object.keys(arrows).filter((state) => isPause(arrows[state]))
  lines.push('  classDef pause stroke-dasharray: 5 5', `  class ${pauses.join(', ')} pause`)
  return lines.join('\n')
}

function table({ arrows, starts }: DrawnDiagram): string {
  const rows = Object.entries(arrows).flatMap(([state, inputs]) => {
    const name = `\`${state}\`${starts.includes(state) ? ' (start)' : ''}${isPause(inputs) ? ' (pause)' : ''}`
    const entries = entriesOf(inputs)
    if (entries.length === 0) return [`| ${name} | – | – |`]
    return entries.map(([input, ends], index) => {
      const successors = ends.length === 0 ? 'none: refused' : ends.map((end) => `\`${end}\``).join(', ')
      return `| ${index === 0 ? name : ''} | \`${input}\` | ${successors} |`
    })
  })
  return ['| state | input | successors |', '|---|---|---|', ...rows].join('\n')
}

/** These inputs come from our own side: the connection stops until they do. */
function isPause(inputs: Arrows[string] = {}): boolean {
  return 'accepted' in inputs || 'signature' in inputs
}

function entriesOf(inputs: Arrows[string]): readonly (readonly [string, readonly string[]])[] {
  return Object.entries(inputs).map(([input, ends = []]) => [input, ends])
}
