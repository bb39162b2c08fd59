import { createServer, type Server, type Socket } from 'node:net'
import type { Backend } from 'polytls'
import { Continuity } from './continuity.ts'
import { describeError } from './error-text.ts'
import { runExchange } from './exchange.ts'
import { parseFlags, Unimplemented } from './flags.ts'

/** How a test ended, in the exit codes that the runner knows. */
export interface Outcome {
  readonly exitCode: 0 | 1 | 89
  /** What goes to standard error; for 89 what there is not. */
  readonly text: string
}

/**
 * The side under test for BoGo, BoringSSL's conformance runner. It starts shim.sh for each test, which comes here with its flags: each
 * ended by a NUL, and an empty one at the end. The answer is the exit code in a line of its own, and what to write to standard error.
 *
 * @param backend What is under test.
 * @param onOutcome Told of every test.
 * @returns Listening on the loopback interface.
 */
export async function serveShims(backend: Backend, onOutcome: (outcome: Outcome) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    void serve(backend, socket, onOutcome)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function serve(backend: Backend, socket: Socket, onOutcome: (outcome: Outcome) => void): Promise<void> {
  // The runner ends a shim that takes too long; its exchange then ends by itself, and nobody reads the answer.
  socket.on('error', () => {})
  const flags = await readFlags(socket)
  const outcome = await runTest(backend, flags)
  onOutcome(outcome)
  socket.end(`${outcome.exitCode}\n${outcome.exitCode === 1 ? `${outcome.text}\n` : ''}`)
}

async function runTest(backend: Backend, flags: readonly string[]): Promise<Outcome> {
  try {
    const requests = parseFlags(flags)
    const test = new Continuity(requests)
    for (const request of requests) await runExchange(backend, request, test)
    return { exitCode: 0, text: '' }
  } catch (error) {
    if (error instanceof Unimplemented) return { exitCode: 89, text: error.message }
    return { exitCode: 1, text: describeError(error) }
  }
}

function readFlags(socket: Socket): Promise<readonly string[]> {
  return new Promise((resolve) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += String(chunk)
      if (text.endsWith('\0\0')) resolve(text.slice(0, -2).split('\0'))
    })
  })
}
