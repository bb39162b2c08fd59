import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import * as polytls from 'polytls'
import { layerTable } from '../../scripts/layers.ts'
import { pages, read, repository } from './repository.ts'

describe('the written pages', () => {
  it('link only to files and headings that exist', () => {
    const links = pages().flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]*)(#[^)]*)?\)/g)].map(([whole, file = '', anchor]) => ({
        path,
        whole,
        file,
        anchor,
      })),
    )
    assert.ok(links.length > 10)
    for (const { path, whole, file, anchor } of links) {
      const target = file === '' ? path : join(dirname(path), file)
      assert.ok(existsSync(join(repository, target)), `${path}: ${whole}`)
      if (anchor !== undefined) assert.ok(anchorsOf(read(target)).includes(anchor), `${path}: ${whole}`)
    }
  })

  it('show the table of layers that is checked', () => {
    const shown = /<!-- layers -->\n+([\s\S]*?)\n+<!-- \/layers -->/.exec(read('ARCHITECTURE.md'))?.[1]
    assert.equal(shown, layerTable(), 'put in the output of: node build/scripts/check-layers.js --table')
  })

  it('point at sources that exist', () => {
    const paths = pages().flatMap(({ path, text }) =>
      [...text.matchAll(/`((?:src|test|scripts|docs|examples)\/[a-z0-9/.-]+)`/g)].map(([, name = '']) => ({
        path,
        name,
      })),
    )
    assert.ok(paths.length > 10)
    // The table of layers has folders that are to come.
    const planned = layerTable()
    for (const { path, name } of paths) {
      if (!planned.includes(`\`${name}\``)) assert.ok(existsSync(join(repository, name)), `${path}: ${name}`)
    }
  })

  it('name only commands that the package has', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const commands = pages().flatMap(({ path, text }) =>
      [...text.matchAll(/npm (?:run )?([a-z:-]+)/g)].map(([, name = '']) => ({ path, name })),
    )
    assert.ok(commands.length > 5)
    const own = new Set(['ci', 'install', 'pack', ...Object.keys(scripts)])
    for (const { path, name } of commands) assert.ok(own.has(name), `${path}: npm run ${name}`)
  })

  it('name only what the package exports, or what that has, where they map PEP 748', () => {
    const declarations = ['config', 'channel', 'sockets']
      .flatMap((folder) => readdirSync(join(repository, 'dist', folder)).map((name) => `dist/${folder}/${name}`))
      .filter((path) => path.endsWith('.d.ts'))
      .concat('dist/index.d.ts', 'dist/connections.d.ts')
      .map(read)
      .join('\n')
    // What a socket has from Node's streams, what is of the runtime, and the path of the other entry.
    const others = new Set([
      'write',
      'end',
      'destroy',
      'read',
      'pipe',
      'for await',
      'SecurityWarning',
      'polytls/insecure',
    ])
    const rows = read('docs/pep-748.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| PEP'))
    const names = rows.flatMap((row) =>
      [...(row.split('|')[2] ?? '').matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    )
    assert.ok(names.length > 60)
    for (const name of names.filter((each) => !others.has(each))) {
      const last = name
        .replace(/^\[(.*)\]$/, '$1')
        .split('.')
        .at(-1) as string
      assert.ok(last in polytls || new RegExp(`\\b${last}\\b`).test(declarations), `there is no ${name}`)
    }
  })

  it('map every option of both configurations to PEP 748', () => {
    const section = /## Configuration\n([\s\S]*?)\n## /.exec(read('docs/pep-748.md'))?.[1] ?? ''
    for (const Configuration of [polytls.TLSClientConfiguration, polytls.TLSServerConfiguration]) {
      const names = optionsOf(Configuration)
      assert.ok(names.length > 15)
      for (const name of names) assert.ok(section.includes(`\`${name}\``), `there is no row for ${name}`)
    }
  })
})

/** A configuration tells what it knows when it is given what it does not know. */
function optionsOf(Configuration: new (options: never) => object): readonly string[] {
  try {
    new Configuration({ nothing: 1 } as never)
  } catch (error) {
    return /the options are (.*)$/.exec((error as Error).message)?.[1]?.split(', ') ?? []
  }
  return []
}

/** As forges make them of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(
    ([, heading = '']) =>
      `#${heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-')}`,
  )
}
