import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository: string = fileURLToPath(new URL('../../../', import.meta.url))

export interface Page {
  /** From the repository's root. */
  readonly path: string
  readonly text: string
}

/** Every page that is written by hand. */
export function pages(): readonly Page[] {
  const names = ['', 'docs', 'docs/portable'].flatMap((folder) =>
    readdirSync(join(repository, folder)).map((name) => join(folder, name)),
  )
  return names.filter((name) => name.endsWith('.md')).map((path) => ({ path, text: read(path) }))
}

export function read(path: string): string {
  return readFileSync(join(repository, path), 'utf8')
}
