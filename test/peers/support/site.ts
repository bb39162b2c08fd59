import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { pipeline } from 'node:stream'
import { text } from 'node:stream/consumers'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Report, Task } from '../browser/task.ts'
import { patienceMilliseconds, patiently } from './patience.ts'

/** A page for a browser on this machine, which runs a program and tells what it saw; and a bridge from WebSockets to a port. */
export class Site implements AsyncDisposable {
  readonly #server: Server
  readonly #bridge: WebSocketServer
  readonly #reports = new Map<string, Report>()
  #tell: () => void = () => {}

  private constructor(program: string, task: Omit<Task, 'bridge'>, bridgedPort: number) {
    this.#server = createServer((request, response) => {
      void this.#answer(program, { ...task, bridge: `${this.address.replace('http', 'ws')}bridge` }, request, response)
    })
    this.#bridge = new WebSocketServer({ server: this.#server, path: '/bridge' })
    this.#bridge.on('connection', (socket) => {
      const stream = createWebSocketStream(socket)
      // Either side may go without a word; the other then does too.
      pipeline(stream, connect(bridgedPort, '127.0.0.1'), stream, () => {})
    })
  }

  static async start(program: string, task: Omit<Task, 'bridge'>, bridgedPort: number): Promise<Site> {
    const site = new Site(program, task, bridgedPort)
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    return site
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** What was seen in the page, or in its worker. */
  async report(where: string): Promise<Report> {
    const arrival = async (): Promise<Report> => {
      for (;;) {
        const report = this.#reports.get(where)
        if (report !== undefined) return report
        await new Promise<void>((resolve) => {
          this.#tell = resolve
        })
      }
    }
    // A browser has to start, and then takes some seconds even alone on its machine.
    return patiently(`the report of ${where}`, arrival(), 3 * patienceMilliseconds)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#bridge.clients) socket.terminate()
    this.#bridge.close()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  async #answer(program: string, task: Task, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.address)
    const send = (type: string, body: string): void => {
      // Nothing of the program may need to compile text into code.
      response.writeHead(200, { 'content-type': type, 'content-security-policy': "default-src 'self'" }).end(body)
    }
    if (pathname === '/') send('text/html', '<!doctype html><script type="module" src="/program.js"></script>')
    else if (pathname === '/program.js') send('text/javascript', program)
    else if (pathname === '/task') send('application/json', JSON.stringify(task))
    else if (pathname === '/report') {
      this.#reports.set(searchParams.get('from') ?? '', JSON.parse(await text(request)) as Report)
      this.#tell()
      response.writeHead(204).end()
    } else response.writeHead(404).end()
  }
}
