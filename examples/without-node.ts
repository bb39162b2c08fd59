// TLS where there is no Node: in a browser, in a worker, over web streams as WebTransport, Deno and the sockets of workers give them.
import {
  portable,
  type TLSBuffer,
  TLSClientConfiguration,
  TLSServerConfiguration,
  type Waiting,
} from 'polytls/portable'
import { createAuthority } from './certificates.ts'

const authority = await createAuthority('Example CA')
const chain = await authority.issue({ name: 'server', names: ['worker.example'] })
const [there, back] = [new TransformStream<Uint8Array, Uint8Array>(), new TransformStream<Uint8Array, Uint8Array>()]

async function serve(): Promise<void> {
  const context = portable.serverContext(new TLSServerConfiguration({ certificateChain: [chain] }))
  const channel = context.createBuffer()
  const step = over(channel, { readable: there.readable, writable: back.writable })
  await step(() => channel.handshake())
  const question = await step(() => channel.read(1_000))
  if (question instanceof Uint8Array) await step(() => channel.write(question.reverse()))
}

async function ask(): Promise<void> {
  // Browsers do not tell whom they trust, so a client names its authorities.
  const context = portable.clientContext(new TLSClientConfiguration({ trustStore: authority.trustStore }))
  const channel = context.createBuffer('worker.example')
  const step = over(channel, { readable: back.readable, writable: there.writable })
  await step(() => channel.handshake())
  console.log(channel.facts.version, channel.facts.verified ? 'verified' : '')
  await step(() => channel.write(new TextEncoder().encode('stressed')))
  const answer = await step(() => channel.read(1_000))
  if (answer instanceof Uint8Array) console.log(new TextDecoder().decode(answer))
}

await Promise.all([serve(), ask()])

/** Takes steps of a channel over a pair of streams, each as often as it has to wait. */
function over(
  channel: TLSBuffer,
  streams: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
) {
  const reader = streams.readable.getReader()
  const writer = streams.writable.getWriter()
  const receive = async (): Promise<void> => {
    const { done, value } = await reader.read()
    if (done) channel.endIncoming()
    // A channel takes as much as it has room for. Steps that read as fast as data comes see all of it taken.
    else if (channel.processIncoming(value) < value.length) throw new Error('read what came before')
  }
  const attempt = async <Result>(take: () => Result): Promise<Result> => {
    try {
      return take()
    } finally {
      // Also when a step throws: the peer is to hear why.
      const ciphertext = channel.processOutgoing()
      // Not waited for: the other side may have something to say first. A transport that fails fails the reader too.
      if (ciphertext.length > 0) writer.write(ciphertext).catch(() => {})
    }
  }
  return async <Result>(take: () => Result | Waiting): Promise<Result | Waiting> => {
    for (;;) {
      const result = await attempt(take)
      if (result === 'want-read') await receive()
      else if (result !== 'want-write') return result
    }
  }
}

// Prints:
// TLSv1.3 verified
// desserts
