import { spawn } from 'node:child_process'
import { execPath } from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Credentials } from './stacks.js'

export interface Child extends Disposable {
  /** What it wrote first, as JSON. */
  readonly answer: unknown
}

/** Starts `child.ts` in a process of its own and waits for its first line. */
export async function startChild(
  role: string,
  stack: string,
  argument: string,
  credentials?: Credentials,
): Promise<Child> {
  const path = fileURLToPath(new URL('child.js', import.meta.url))
  // A young generation that cannot grow: what it grew by during the handshakes would count as memory of the connections.
  const flags = ['--expose-gc', '--max-semi-space-size=1']
  const child = spawn(execPath, [...flags, path, role, stack, argument], { stdio: ['pipe', 'pipe', 'inherit'] })
  if (credentials !== undefined) child.stdin.write(`${JSON.stringify(plain(credentials))}\n`)
  const lines = createInterface({ input: child.stdout })
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`the child for ${role} ${stack} ended with code ${code}`)))
  })
  child.removeAllListeners('exit')
  return {
    answer: JSON.parse(line),
    [Symbol.dispose]() {
      child.kill()
    },
  }
}

function plain({ authority, server }: Credentials): Credentials {
  return {
    authority: { certificate: authority.certificate },
    server: { certificate: server.certificate, key: server.key },
  }
}
