/** The layers of src/ as data, and the rules that a file of each must keep. ARCHITECTURE.md prints the same table. */

export interface Layer {
  readonly name: string
  /** Paths below src/: a folder ends in `/`; a file is named whole. The longest match over all layers wins. */
  readonly paths: readonly string[]
  /** Names of layers. Its own files may always import one another. */
  readonly mayImport: readonly string[] | 'everything' | 'everything but cli'
  /** Whether it may import `node:` modules, or their types alone. */
  readonly node: boolean | 'types'
  /** Packages that it may import; `@scope/*` for all of a scope. */
  readonly packages: readonly string[]
  /** What it may use of a running program: promises, time and timers, random numbers. */
  readonly mayUse: readonly Effect[]
}

/** What makes a run differ from the next, so that code without any can be tested by its inputs alone. */
export type Effect = 'async' | 'clock' | 'randomness'

export interface SourceFile {
  /** Below src/, with `/`. */
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly path: string
  readonly line: number
  readonly message: string
}

const everything = ['async', 'clock', 'randomness'] as const

/** From the bottom up. */
export const layers: readonly Layer[] = [
  layer('errors', ['errors.ts', 'alerts.ts']),
  layer('codec', ['codec/'], { mayImport: ['errors'] }),
  // Sessions are data that is written down.
  layer('config', ['config/'], { mayImport: ['codec', 'errors'] }),
  // A server may choose by the ClientHello, which it reads before any backend does.
  layer('channel', ['channel/'], { mayImport: ['config', 'codec', 'errors'] }),
  layer('crypto', ['crypto/'], { mayImport: ['codec', 'errors'] }),
  layer('crypto/node', ['crypto/node/'], {
    mayImport: ['crypto', 'codec', 'errors'],
    node: true,
    mayUse: ['randomness'],
  }),
  layer('crypto/noble', ['crypto/noble/'], {
    mayImport: ['crypto', 'codec', 'errors'],
    packages: ['@noble/*'],
    mayUse: ['randomness'],
  }),
  layer('x509', ['x509/'], { mayImport: ['crypto', 'codec', 'errors'] }),
  layer('starttls', ['starttls/'], { mayImport: ['codec', 'errors'] }),
  layer('trust', ['trust/'], { mayImport: ['codec', 'config', 'errors'], node: true, mayUse: ['async'] }),
  layer('compression', ['compression/'], { mayImport: ['config', 'errors'], node: true }),
  // Stapled states are judged by the rules of x509, so that no backend judges otherwise.
  layer('backends/openssl', ['backends/openssl/'], {
    mayImport: ['channel', 'x509', 'crypto', 'codec', 'config', 'errors'],
    node: true,
    packages: ['koffi'],
  }),
  layer('backends/schannel', ['backends/schannel/'], {
    mayImport: ['channel', 'codec', 'config', 'errors'],
    node: true,
    packages: ['koffi'],
  }),
  layer('backends/portable', ['backends/portable/'], {
    mayImport: ['channel', 'x509', 'crypto', 'codec', 'config', 'errors'],
  }),
  layer('sockets', ['sockets/'], {
    mayImport: ['starttls', 'channel', 'config', 'errors'],
    node: true,
    mayUse: everything,
  }),
  layer('entry points', [''], {
    mayImport: 'everything but cli',
    // Their own code runs anywhere; what they wire together brings Node along where it needs it.
    node: 'types',
    mayUse: everything,
  }),
  // Each an entry point for a library of its own.
  layer('adapters', ['adapters/'], {
    mayImport: 'everything but cli',
    node: true,
    packages: ['ioredis'],
    mayUse: everything,
  }),
  // An entry point with a library of its own.
  layer('amqp', ['amqp.ts', 'amqp/'], {
    mayImport: 'everything but cli',
    node: 'types',
    packages: ['rhea'],
    mayUse: everything,
  }),
  layer('cli', ['cli/'], {
    mayImport: 'everything',
    node: true,
    packages: ['commander', '@peculiar/x509', 'reflect-metadata'],
    mayUse: everything,
  }),
]

/** More lines than this need a reason, in a comment on the first line. */
export const lineLimit = 400

/** Every rule that the files break, in the order of the files. */
export function violationsOf(files: readonly SourceFile[]): readonly Violation[] {
  return files.flatMap((file) => [...importViolations(file), ...styleViolations(file), ...effectViolations(file)])
}

export function layerOf(path: string): Layer {
  const matches = layers.flatMap((each) =>
    each.paths.filter((start) => covers(start, path)).map((start) => ({ each, start })),
  )
  matches.sort((a, b) => b.start.length - a.start.length)
  const [match] = matches
  if (match === undefined || (match.start === '' && path.includes('/'))) {
    throw new Error(
      `src/${path} belongs to no layer: put it into a folder of the table, or add a layer to scripts/layers.ts`,
    )
  }
  return match.each
}

/** The table as ARCHITECTURE.md shows it, top layer first. */
export function layerTable(): string {
  const rows = layers.map((each) => {
    const files = each.paths.map((path) => (path === '' ? '`src/*.ts`' : `\`src/${path}\``)).join(', ')
    const { mayImport } = each
    const imports = typeof mayImport === 'string' ? mayImport : mayImport.map((name) => `\`${name}\``).join(', ')
    const node = each.node === 'types' ? ['types of `node:`'] : each.node ? ['`node:`'] : []
    const outside = [...node, ...each.packages.map((name) => `\`${name}\``)].join(', ')
    return `| ${each.name} | ${files} | ${imports || '–'} | ${outside || '–'} | ${each.mayUse.join(', ') || '–'} |`
  })
  const head = ['| layer | files | may import | from outside | may use |', '|---|---|---|---|---|']
  return [...head, ...rows.reverse()].join('\n')
}

function layer(name: string, paths: readonly string[], rights: Partial<Omit<Layer, 'name' | 'paths'>> = {}): Layer {
  return { name, paths, mayImport: [], node: false, packages: [], mayUse: [], ...rights }
}

function covers(start: string, path: string): boolean {
  return start === '' || start.endsWith('/') ? path.startsWith(start) : path === start
}

// The formatter puts every import and export at the start of a line and quotes with ', so patterns can find them.
const importPatterns = [
  /^(?:import|export)\b[^'"`;=()]*?\bfrom '([^']+)'/gm,
  /^import '([^']+)'/gm,
  /\bimport\(\s*'([^']+)'/gm,
  /\brequire\(\s*'([^']+)'/gm,
  /\brequire\.resolve\(\s*'([^']+)'/gm,
]

function* importViolations(file: SourceFile): Iterable<Violation> {
  const own = layerOf(file.path)
  const text = withoutComments(file.text)
  for (const pattern of importPatterns) {
    for (const match of text.matchAll(pattern)) {
      const typesOnly = /^(?:import|export) type\b/.test(match[0])
      const message = importFault(own, file.path, match[1] as string, typesOnly)
      if (message !== undefined) yield { path: file.path, line: lineAt(text, match.index), message }
    }
  }
}

function importFault(own: Layer, path: string, specifier: string, typesOnly: boolean): string | undefined {
  if (specifier.startsWith('node:')) {
    if (own.node === true || (own.node === 'types' && typesOnly)) return undefined
    return `'${specifier}': the layer ${own.name} must run without Node, so no node: imports`
  }
  if (!specifier.startsWith('.')) {
    if (own.packages.some((name) => isOfPackage(specifier, name))) return undefined
    const allowed = own.packages.length === 0 ? 'none' : own.packages.join(', ')
    return `'${specifier}': the layer ${own.name} may import these packages only: ${allowed}`
  }
  const target = resolved(path, specifier)
  if (target === undefined) return `'${specifier}' leaves src/`
  const other = layerOf(target)
  if (other === own || mayImport(own, other)) return undefined
  const allowed = typeof own.mayImport === 'string' ? own.mayImport : own.mayImport.join(', ') || 'no other'
  return `'${specifier}': the layer ${own.name} may import ${allowed}, not ${other.name}`
}

function mayImport(own: Layer, other: Layer): boolean {
  if (own.mayImport === 'everything') return true
  return own.mayImport === 'everything but cli' ? other.name !== 'cli' : own.mayImport.includes(other.name)
}

function isOfPackage(specifier: string, name: string): boolean {
  if (name.endsWith('/*')) return specifier.startsWith(name.slice(0, -1))
  return specifier === name || specifier.startsWith(`${name}/`)
}

function resolved(from: string, specifier: string): string | undefined {
  const parts = from.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) return undefined
    } else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

const styleRules = [
  { pattern: /^export default\b/gm, message: 'a default export: name it, so that it has one name everywhere' },
  { pattern: /\bas default\b/gm, message: 'a default export: name it, so that it has one name everywhere' },
  {
    pattern: /^(?:export )?(?:declare )?(?:const )?enum\b/gm,
    message: 'an enum: use an `as const` object and a union of literals',
  },
  { pattern: /^(?:export )?(?:declare )?namespace\b/gm, message: 'a namespace: a module is one already' },
]

const vagueNames = /(?:^|[/-])(?:utils?|helpers?|common|misc)(?:[/-]|\.ts$)/
// A name that says what is common, as `common-options`, is a good name.
const clearNames = /(?:^|\/)common-[a-z]+\.ts$/

function* styleViolations({ path, text }: SourceFile): Iterable<Violation> {
  const code = withoutComments(text)
  for (const { pattern, message } of styleRules) {
    for (const match of code.matchAll(pattern)) yield { path, line: lineAt(code, match.index), message }
  }
  const lines = text.split('\n').length - 1
  const excused = /^\/\/ over 400 lines: \S/.test(text)
  if (lines > lineLimit && !excused) {
    const message = `${lines} lines: split it, or begin it with "// over ${lineLimit} lines: " and the reason`
    yield { path, line: 1, message }
  }
  if (lines <= lineLimit && excused) yield { path, line: 1, message: `${lines} lines: needs no excuse any more` }
  if (vagueNames.test(path) && !clearNames.test(path)) {
    yield { path, line: 1, message: 'a name that says nothing: name the file after what it holds' }
  }
  if (!/^[a-z0-9/.-]+$/.test(path)) yield { path, line: 1, message: 'file names are kebab-case' }
}

const effectPatterns: Readonly<Record<Effect, { readonly pattern: RegExp; readonly instead: string }>> = {
  async: { pattern: /\b(?:async|await)\b/g, instead: 'let the channel pause, and its driver wait' },
  clock: {
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bset(?:Timeout|Interval|Immediate)\(/g,
    instead: 'take the time from what the context was given',
  },
  randomness: {
    pattern: /\bMath\.random\b|\bgetRandomValues\b|\brandom(?:Bytes|UUID|Int|FillSync)\b/g,
    instead: 'take random bytes from the provider',
  },
}

function* effectViolations({ path, text }: SourceFile): Iterable<Violation> {
  const own = layerOf(path)
  const code = withoutComments(text)
  for (const [effect, { pattern, instead }] of Object.entries(effectPatterns)) {
    if (own.mayUse.includes(effect as Effect)) continue
    for (const match of code.matchAll(pattern)) {
      const message = `${match[0]}: no ${effect} in the layer ${own.name}; ${instead}`
      yield { path, line: lineAt(code, match.index), message }
    }
  }
}

/** Comments become spaces, so that lines keep their numbers. `://` in a string is no comment. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:'"`\\])\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '))
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
