import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import { Conversation } from '../starttls/conversation.ts'
import type { Dialogue } from '../starttls/dialogue.ts'
import type { Surroundings } from '../starttls/talk.ts'
import { abortErrorOf } from './abort.ts'
import { type ConversationBounds, holdConversation } from './dialogue-driver.ts'
import { makeFresh } from './transport.ts'

/** A TCP connection under way. Each of its directions ends by itself: who speaks TLS over it decides. */
export function dial(host: string, port: number, signal: AbortSignal | undefined): net.Socket {
  if (signal?.aborted) throw abortErrorOf(signal)
  return net.connect({ host, port, noDelay: true, allowHalfOpen: true })
}

/**
 * Has the proxy at the other end of a stream connect to a server; what is said on the stream from here on, is said with that. What the
 * server has said already is still to be read.
 */
export async function tunnelOver<Options>(
  stream: Duplex,
  dialogue: Dialogue<Options, unknown>,
  options: Options,
  {
    trace,
    plainTextFollows,
    ...bounds
  }: Omit<ConversationBounds, 'protocol'> & Pick<Surroundings, 'trace'> & { readonly plainTextFollows: boolean },
): Promise<void> {
  const begin = (): Conversation<Options, unknown> => new Conversation(dialogue, options, { trace, plainTextFollows })
  const { behind } = await holdConversation(stream, begin, { protocol: dialogue.protocol, ...bounds })
  await new Promise<void>((resolve) => makeFresh(stream, behind, resolve))
}
