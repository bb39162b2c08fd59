import type { Carrier } from './conversation.ts'

/** The part of WebSocket that is used here: the types of Node do not have it. */
interface BinarySocket {
  binaryType: 'arraybuffer'
  onopen: () => void
  onerror: () => void
  onclose: () => void
  onmessage: (event: { readonly data: ArrayBuffer }) => void
  send(bytes: Uint8Array): void
  close(): void
}

/** A WebSocket as a stream of bytes. */
export async function openWebSocket(address: string): Promise<Carrier> {
  const { WebSocket } = globalThis as unknown as { WebSocket: new (address: string) => BinarySocket }
  const socket = new WebSocket(address)
  socket.binaryType = 'arraybuffer'
  const arrived: Uint8Array[] = []
  let isOver = false
  let tell: () => void = () => {}
  socket.onmessage = ({ data }) => {
    arrived.push(new Uint8Array(data))
    tell()
  }
  socket.onclose = () => {
    isOver = true
    tell()
  }
  await new Promise<void>((resolve, reject) => {
    socket.onopen = resolve
    socket.onerror = () => reject(new Error(`no connection to ${address}`))
  })
  return {
    send: (bytes) => socket.send(bytes),
    close: () => socket.close(),
    async receive() {
      while (arrived.length === 0 && !isOver) {
        await new Promise<void>((resolve) => {
          tell = resolve
        })
      }
      return arrived.shift()
    },
  }
}
