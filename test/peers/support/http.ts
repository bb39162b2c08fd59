import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http'
import type { TLSSocket } from 'polytls'
import type { OwnServer } from './endpoints.ts'
import { hostName } from './identities.ts'
import { patiently } from './patience.ts'

/** Has Node's HTTP server speak on the connections that a server of ours secures. */
export function serveHTTP({ server }: OwnServer, listener: RequestListener): void {
  const http = createServer(listener)
  server.on('secureConnection', (socket) => http.emit('connection', socket))
}

export interface Answer {
  readonly status: number | undefined
  readonly body: Buffer
}

/** One request over a connection that is there, which is closed with the answer. */
export function askHTTP(
  socket: TLSSocket,
  path: string,
  { method = 'GET', body }: { readonly method?: string; readonly body?: Buffer } = {},
): Promise<Answer> {
  const answer = new Promise<Answer>((resolve, reject) => {
    const headers = {
      host: hostName,
      connection: 'close',
      ...(body !== undefined && { 'content-length': body.byteLength }),
    }
    const asking = request({ createConnection: () => socket, path, method, headers }, (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(chunks) }))
    })
    asking.on('error', reject)
    asking.end(body)
  })
  return patiently(`the answer to ${method} ${path}`, answer)
}
