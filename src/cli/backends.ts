import process from 'node:process'
import { backends } from '../backends.ts'
import type { Backend, Capabilities } from '../channel/backend.ts'
import { CipherSuite } from '../config/cipher-suite.ts'
import { NamedGroup } from '../config/named-group.ts'
import { SignatureScheme } from '../config/signature-scheme.ts'
import { ExitCode } from './exit-code.ts'
import { type Terminal, terminalOn, wrap } from './terminal.ts'

export interface BackendsOptions {
  readonly json?: boolean
}

/** `polytls backends`: which TLS stacks there are, which can be used here, and what each can do. */
export function runBackends({ json = false }: BackendsOptions): ExitCode {
  const terminal = terminalOn(process.stdout)
  if (json) terminal.print(JSON.stringify(backends.map(describeBackend)))
  else terminal.print(...renderBackends(backends, terminal))
  return ExitCode.OK
}

/** The JSON form. Code points that no registry of this library names are left out of it as out of the table. */
function describeBackend(backend: Backend): object {
  const { name, available, version, capabilities } = backend
  return {
    name,
    available: available.yes,
    reason: available.yes ? null : available.reason,
    version: version === '' ? null : version,
    capabilities: {
      roles: capabilities.roles,
      versions: capabilities.versions,
      cipherSuites: namesAmong(CipherSuite, capabilities.ciphers),
      groups: namesAmong(NamedGroup, capabilities.groups),
      signatureSchemes: namesAmong(SignatureScheme, capabilities.signatureSchemes),
      signingSchemes: namesAmong(SignatureScheme, capabilities.signingSchemes),
      sources: capabilities.sources,
      features: [...capabilities.features],
    },
  }
}

function renderBackends(all: readonly Backend[], terminal: Terminal): readonly string[] {
  const { style, symbols } = terminal
  const nameWidth = Math.max(...all.map(({ name }) => name.length)) + 2
  const usable = all.filter(({ available }) => available.yes)
  const defaultName = usable[0]?.name
  const list = all.flatMap((backend) => {
    const { name, available, version } = backend
    const number = usable.indexOf(backend) + 1
    const left = `${available.yes ? style.green(symbols.yes) : style.red(symbols.no)} ${number || ' '} ${style.bold(name.padEnd(nameWidth))}`
    if (available.yes) return [`${left}${version}${name === defaultName ? style.dim('  (default)') : ''}`]
    const [first = '', ...rest] = wrap(`not available: ${available.reason}`, { width: terminal.width - nameWidth - 4 })
    return [left + first, ...rest.map((line) => ' '.repeat(nameWidth + 4) + line)]
  })
  if (usable.length === 0) return list
  return [...list, ...sections.flatMap((section) => renderSection(section, usable, terminal))]
}

interface Section {
  readonly title: string
  readonly rows: readonly string[] | ((all: readonly Capabilities[]) => readonly string[])
  has(capabilities: Capabilities, row: string): boolean
}

const sections: readonly Section[] = [
  { title: 'roles', rows: ['client', 'server'], has: ({ roles }, row) => (roles as readonly string[]).includes(row) },
  {
    title: 'versions',
    rows: ['TLSv1.3', 'TLSv1.2'],
    has: ({ versions }, row) => (versions as readonly string[]).includes(row),
  },
  registrySection('cipher suites', CipherSuite, ({ ciphers }) => ciphers),
  registrySection('groups', NamedGroup, ({ groups }) => groups),
  registrySection('signature schemes', SignatureScheme, ({ signatureSchemes }) => signatureSchemes),
  sourceSection('certificates from', ({ sources }) => sources.certificate),
  sourceSection('private keys from', ({ sources }) => sources.privateKey),
  sourceSection('trust stores from', ({ sources }) => sources.trustStore),
  sourceSection('features', ({ features }) => [...features]),
]

type Registry = Readonly<Record<string, number>>

function registrySection(title: string, registry: Registry, read: (all: Capabilities) => readonly number[]): Section {
  return {
    title,
    rows: Object.keys(registry),
    has: (capabilities, row) => read(capabilities).includes(registry[row] ?? -1),
  }
}

/** A section whose rows are what at least one backend has. */
function sourceSection(title: string, read: (all: Capabilities) => readonly string[]): Section {
  return {
    title,
    rows: (all) => [...new Set(all.flatMap(read))],
    has: (capabilities, row) => read(capabilities).includes(row),
  }
}

function renderSection(
  { title, rows, has }: Section,
  usable: readonly Backend[],
  { style, symbols }: Terminal,
): readonly string[] {
  const all = usable.map(({ capabilities }) => capabilities)
  const labels = typeof rows === 'function' ? rows(all) : rows
  const heads = usable.map((_, index) => String(index + 1).padStart(4)).join('')
  return [
    '',
    style.bold(title.padEnd(labelWidth)) + style.dim(heads),
    ...labels.map((label) => {
      const cells = all.map((each) => (has(each, label) ? style.green(symbols.yes) : style.dim(symbols.none)))
      return `  ${label.padEnd(labelWidth - 2)}${cells.map((cell) => `   ${cell}`).join('')}`
    }),
  ]
}
/** The longest name of a cipher suite, indented. */
const labelWidth = 48

function namesAmong(registry: Registry, codePoints: readonly number[]): readonly string[] {
  return Object.entries(registry)
    .filter(([, codePoint]) => codePoints.includes(codePoint))
    .map(([name]) => name)
}
