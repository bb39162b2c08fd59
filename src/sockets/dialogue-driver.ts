import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { StartTLSError } from '../errors.ts'
import type { Conversation } from '../starttls/conversation.ts'
import type { Outcome } from '../starttls/dialogue.ts'
import { onAbort } from './abort.ts'
import { awaitConnection, closeTransport } from './transport.ts'

/** How long a conversation may take, and who may end it. */
export interface ConversationBounds {
  /** Names the conversation in errors. */
  readonly protocol: string
  readonly timeoutMilliseconds: number
  readonly signal?: AbortSignal | undefined
}

/** How long a conversation in plain text may take where nothing else is said, in milliseconds. */
export const defaultDialogueTimeoutMilliseconds = 30_000

/** How a conversation over a stream ended. */
export interface Held<Learned> {
  readonly outcome: Outcome<Learned>
  /** What came behind the end of the dialogue; before what the stream still has. */
  readonly behind: Uint8Array
}

/**
 * Holds a conversation over a stream that is connected or connecting, up to its outcome. The stream is paused then, and not listened to
 * by anybody. When the conversation fails, the stream is closed.
 */
export function holdConversation<Options, Learned>(
  stream: Duplex,
  begin: () => Conversation<Options, Learned>,
  { protocol, timeoutMilliseconds, signal }: ConversationBounds,
): Promise<Held<Learned>> {
  return new Promise((resolve, reject) => {
    let conversation: Conversation<Options, Learned> | undefined
    let isOver = false
    const leave = (): void => {
      isOver = true
      clearTimeout(timer)
      stopListening?.()
      stream.off('data', onData)
      stream.off('end', onEnd)
      stream.off('close', onEnd)
      stream.off('error', fail)
    }
    const fail = (error: Error): void => {
      if (isOver) return
      leave()
      // What we had to say to it may still be on its way.
      closeTransport(stream, { awaitsEnd: false }, () => {})
      reject(error)
    }
    const abort = (error: Error): void => {
      if (isOver) return
      stream.on('error', () => {})
      stream.destroy()
      fail(error)
    }
    const timer = setTimeout(() => abort(tooLate(protocol, timeoutMilliseconds)), timeoutMilliseconds)
    const stopListening = signal && onAbort(signal, abort)

    const send = (): void => {
      const bytes = conversation?.takeOutgoing()
      if (bytes !== undefined && bytes.length > 0 && stream.writable) stream.write(bytes)
    }
    const attempt = (step: () => void): void => {
      try {
        step()
      } catch (thrown) {
        send()
        fail(thrown as Error)
        return
      }
      const outcome = conversation?.outcome
      if (outcome === undefined) send()
      else finish(outcome)
    }
    const finish = (outcome: Outcome<Learned>): void => {
      leave()
      stream.pause()
      // What the stream has read ahead came behind the end of the dialogue as well.
      const ahead: Uint8Array | null = stream.read()
      try {
        if (ahead !== null) conversation?.receive(ahead)
      } catch (thrown) {
        isOver = false
        fail(thrown as Error)
        return
      }
      send()
      resolve({ outcome, behind: conversation?.takeUnread() ?? new Uint8Array(0) })
    }
    const onData = (chunk: Uint8Array): void => attempt(() => conversation?.receive(chunk))
    const onEnd = (): void => attempt(() => conversation?.end())

    const start = (): void => {
      if (isOver) return
      attempt(() => {
        conversation = begin()
      })
      if (isOver) return
      stream.on('data', onData)
      stream.on('end', onEnd)
      stream.on('close', onEnd)
      stream.on('error', fail)
      stream.resume()
    }
    if ((stream as Partial<Socket>).connecting !== true) start()
    else awaitConnection(stream, { connected: start, failed: (error) => fail(error ?? endedEarly(protocol)) })
  })
}

function tooLate(protocol: string, milliseconds: number): StartTLSError {
  const message = `TLS could not begin within ${milliseconds} ms`
  return new StartTLSError('ERR_TLS_STARTTLS_TIMEOUT', protocol, message, {
    hint: 'the peer may wait for something else to be said, or speak TLS from the first byte on this port',
  })
}

function endedEarly(protocol: string): StartTLSError {
  return new StartTLSError('ERR_TLS_STARTTLS_ENDED', protocol, 'the stream was closed before it was connected')
}
