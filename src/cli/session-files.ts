import { closeSync, fchmodSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { PreSharedKey } from '../config/pre-shared-key.ts'
import { Session } from '../config/session.ts'
import { UsageFailure } from './exit-code.ts'

/** What the command line keeps in files, since a command line itself is visible to every user of a machine. */

export function readSession(file: string): Session {
  const bytes = readBytes('--session-in', file)
  try {
    return Session.deserialize(bytes)
  } catch (cause) {
    throw new UsageFailure(`--session-in: ${file} holds no session`, { cause, hint: 'write one with --session-out' })
  }
}

/** Where the newest session goes, as soon as it comes. */
export class SessionFile {
  readonly #file: string
  /** Why it could not be written: sessions come when nobody waits for them. */
  failure: UsageFailure | undefined

  constructor(file: string) {
    this.#file = file
  }

  write(session: Session): void {
    try {
      writeForOwner(this.#file, session.serialize())
      this.failure = undefined
    } catch (cause) {
      this.failure = new UsageFailure(`--session-out: ${this.#file} cannot be written: ${codeOf(cause)}`, { cause })
    }
  }
}

/** Only the owner may read it: whoever has a session can go on in its place. A file that is there may have been for others, too. */
function writeForOwner(file: string, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'w', 0o600)
  try {
    // Not what a terminal or the like is for.
    if (fstatSync(descriptor).isFile()) fchmodSync(descriptor, 0o600)
    writeFileSync(descriptor, bytes)
  } finally {
    closeSync(descriptor)
  }
}

export function readEarlyData(file: string): Uint8Array {
  return readBytes('--early-data', file)
}

/** Keys, one a line, as IDENTITY:HEX, in which identities may have colons: the form of GnuTLS's psktool. */
export function readPreSharedKeys(file: string): readonly PreSharedKey[] {
  const lines = readBytes('--psk', file)
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (lines.length === 0) throw new UsageFailure(`--psk: ${file} holds no key`)
  return lines.map((line, index) => {
    const [, identity, secret] = /^(.+):((?:[0-9a-fA-F]{2})+)$/.exec(line) ?? []
    // The line itself is not shown: it holds the key.
    if (identity === undefined || secret === undefined)
      throw new UsageFailure(`--psk: line ${index + 1} of ${file} is not IDENTITY:HEX`)
    return new PreSharedKey({ identity, secret: Buffer.from(secret, 'hex') })
  })
}

function readBytes(option: string, file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new UsageFailure(`${option}: ${file} cannot be read: ${codeOf(cause)}`, { cause })
  }
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause)
}
