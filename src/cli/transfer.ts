import process from 'node:process'
import { Transform } from 'node:stream'
import type { TLSSocket } from '../sockets/tls-socket.ts'
import { printExplanation } from './command-line.ts'
import { ExitCode } from './exit-code.ts'
import { explain } from './explanation.ts'
import { grouped, type Terminal } from './terminal.ts'

export interface TransferOptions {
  /** Leave the own direction open when stdin ends. */
  readonly keepOpen: boolean
  /** Send CR LF for every LF. */
  readonly crlf: boolean
  /** For what is told about it. */
  readonly terminal: Terminal
}

/**
 * Sends stdin to the peer and writes what the peer sends to stdout, each as fast as the other side takes it. The end of stdin closes
 * the own direction only; the peer's answer is awaited. Done when the peer has closed and what stdin still gives at once is sent.
 */
export async function runTransfer(socket: TLSSocket, { keepOpen, crlf, terminal }: TransferOptions): Promise<ExitCode> {
  const { stdin, stdout } = process
  const counts = { sent: 0, received: 0 }
  if (stdin.isTTY) terminal.print(terminal.style.dim(stdinNote))
  const interrupted = interruption()
  const source = crlf ? stdin.pipe(lineEndings()) : stdin
  source.on('data', (chunk: Uint8Array) => {
    counts.sent += chunk.byteLength
  })
  source.pipe(socket, { end: !keepOpen })
  socket.on('data', (chunk: Uint8Array) => {
    counts.received += chunk.byteLength
  })
  socket.pipe(stdout, { end: false })
  try {
    const how = await Promise.race([endOf(socket), interrupted.happened])
    if (how === 'interrupted') return ExitCode.INTERRUPTED
    if (!stdin.isTTY) await Promise.race([restOf(stdin, socket), interrupted.happened])
    const { sent, received } = counts
    terminal.print(terminal.style.dim(`closed: sent ${grouped(sent)} bytes, received ${grouped(received)}`))
    return ExitCode.OK
  } catch (error) {
    const explanation = explain(error, { phase: 'data' })
    printExplanation(explanation, terminal)
    return explanation.exitCode
  } finally {
    interrupted.forget()
    source.unpipe(socket)
    // What is still to come of either concerns nobody any more.
    stdin.destroy()
    socket.on('error', () => {})
    await closeSoon(socket)
  }
}

const stdinNote = 'what you type goes to the peer; Ctrl-D ends your side, Ctrl-C leaves'

/** Resolves when the peer has ended its direction; rejects when the connection fails before. */
function endOf(socket: TLSSocket): Promise<'ended'> {
  return new Promise((resolve, reject) => {
    socket.once('end', () => resolve('ended'))
    socket.once('error', reject)
    // Without an error only when it was already read to its end.
    socket.once('close', () => resolve('ended'))
  })
}

/**
 * The peer may close its own direction and still listen: what is under way in stdin is sent. A stdin that gives nothing for a while
 * has probably nobody at its other end who knows that the peer is gone.
 */
function restOf(stdin: NodeJS.ReadStream, socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (stdin.readableEnded || socket.destroyed) {
      resolve()
      return
    }
    const idle = setTimeout(resolve, idleMilliseconds)
    stdin.on('data', () => idle.refresh())
    const done = (): void => {
      clearTimeout(idle)
      resolve()
    }
    stdin.once('end', done)
    socket.once('error', done)
    socket.once('close', done)
  })
}
const idleMilliseconds = 1_000

/** Ends politely, and in any case soon. */
function closeSoon(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) {
      resolve()
      return
    }
    const timer = setTimeout(() => socket.destroy(), idleMilliseconds)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
    socket.end()
  })
}

interface Interruption {
  readonly happened: Promise<'interrupted'>
  forget(): void
}

/** Ctrl-C closes the connection before the program ends; a second one ends it at once. */
function interruption(): Interruption {
  let onSignal = (): void => {}
  const happened = new Promise<'interrupted'>((resolve) => {
    onSignal = () => resolve('interrupted')
  })
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  return {
    happened,
    forget() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}

/** Every line ends in CR LF, as most protocols made of text demand; those that do already stay as they are. */
function lineEndings(): Transform {
  let afterCR = false
  return new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      const out: number[] = []
      for (const byte of chunk) {
        if (byte === 0x0a && !afterCR) out.push(0x0d)
        out.push(byte)
        afterCR = byte === 0x0d
      }
      callback(null, Buffer.from(out))
    },
  })
}
