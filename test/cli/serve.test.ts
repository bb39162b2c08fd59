import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { get } from 'node:https'
import { after, before, describe, it } from 'node:test'
import { connect, type TLSSocket } from 'node:tls'
import { type Files, makeFiles, polytls, type Served, serve, start } from './command.ts'
import { deadPort } from './peers.ts'

const noSignals = process.platform === 'win32' && 'Windows has no signals to end it by'

describe('polytls serve', () => {
  let files: Files

  before(async () => {
    files = await makeFiles()
  })
  after(() => files.remove())

  async function withServer<T>(words: readonly string[], use: (server: Served) => Promise<T>): Promise<T> {
    const server = await serve(words)
    try {
      return await use(server)
    } finally {
      await server.stop()
    }
  }

  it('echoes to a client of node:tls that trusts the fresh authority', async () => {
    await withServer([], async ({ port, ca, logged }) => {
      const socket = await nodeClient(port, { ca: readFileSync(ca) })
      socket.end('hello')
      assert.equal(await textOf(socket), 'hello')
      await logged(/127\.0\.0\.1:\d+ {2}TLSv1\.3 {2}TLS_AES_\w+ {2}\w+ {2}for localhost\n/)
    })
  })

  it('tells the fingerprints of clients where it is asked to, also of one that does not stay', async () => {
    await withServer(['--ja4'], async ({ port, ca, logged }) => {
      const socket = await nodeClient(port, { ca: readFileSync(ca), ALPNProtocols: ['h2'] })
      socket.end('hello')
      assert.equal(await textOf(socket), 'hello')
      await logged(/a client offers {2}t13d\d{4}h2_[0-9a-f]{12}_[0-9a-f]{12} {2}for localhost\n/)
      await assert.rejects(nodeClient(port, { ca: readFileSync(files.ca), maxVersion: 'TLSv1.2' }))
      await logged(/a client offers {2}t12d\d{4}00_/)
    })
  })

  it('speaks the versions and protocols that it is told to', async () => {
    await withServer(['--max', '1.2', '--alpn', 'mqtt,h2'], async ({ port, ca }) => {
      const socket = await nodeClient(port, { ca: readFileSync(ca), ALPNProtocols: ['h2', 'mqtt'] })
      assert.deepEqual([socket.getProtocol(), socket.alpnProtocol], ['TLSv1.2', 'mqtt'])
      socket.destroy()
    })
  })

  it('serves a status page as HTML, JSON and text', async () => {
    await withServer(['--status'], async ({ port, ca }) => {
      const page = await fetchStatus(port, ca, 'text/html,*/*')
      assert.match(page.type, /^text\/html/)
      assert.match(page.body, /<td>TLSv1\.3/)
      const json = await fetchStatus(port, ca, 'application/json')
      assert.equal(JSON.parse(json.body).serverName, 'localhost')
      assert.match((await fetchStatus(port, ca, '*/*')).body, /^version +TLSv1\.3$/m)
    })
  })

  it('asks clients behind the handshake, and tells who they are', async () => {
    const authority = ['--client-ca', files.write('client-ca.pem', files.authority.certificate)]
    const made = await files.authority.issue({ name: 'alice' })
    const own = ['--cert', files.write('alice.pem', made.certificate), '--key', files.write('alice.key', made.key)]
    await withServer([...authority, '--post-handshake'], async ({ port, ca, logged }) => {
      const words = ['connect', `localhost:${port}`, '--ca', ca, ...own]
      const offering = start([...words, '--post-handshake', '-i'], { input: '' })
      await logged(/127\.0\.0\.1:\d+ {2}is CN=alice\n/)
      offering.stdin?.end()
      await once(offering, 'close')
      const silent = start([...words, '-i'], { input: '' })
      await logged(/the client has not offered to answer/)
      silent.stdin?.end()
      await once(silent, 'close')
    })
    const { code, stderr } = await polytls(['serve', '--post-handshake'])
    assert.equal(code, 2)
    assert.match(stderr, /--client-ca/)
  })

  it('shows a given certificate', async () => {
    const made = await files.authority.issue({ name: 'given', names: ['localhost'] })
    const words = ['--cert', files.write('cert.pem', made.certificate), '--key', files.write('key.pem', made.key)]
    await withServer(words, async ({ port, ca }) => {
      assert.equal(ca, null)
      const { code, stdout } = await polytls(['connect', `localhost:${port}`, '--ca', files.ca, '--json'])
      assert.equal(code, 0, stdout)
      assert.equal(JSON.parse(stdout).chain[0].subject, 'CN=given')
    })
  })

  it('makes a certificate for the names that it is told', async () => {
    await withServer(['--names', 'mail.example,192.0.2.7'], async ({ port, ca }) => {
      for (const name of ['mail.example', '192.0.2.7']) {
        const { code, stderr } = await polytls(['connect', `127.0.0.1:${port}`, '--ca', ca, '--sni', name])
        assert.equal(code, 0, stderr)
      }
    })
  })

  it('tells which client failed and why, and goes on serving others', async () => {
    await withServer([], async ({ port, ca, logged }) => {
      assert.equal((await polytls(['connect', `localhost:${port}`])).code, 5)
      const { code } = await polytls(['connect', `localhost:${port}`, '--ca', ca])
      assert.equal(code, 0)
      await logged(/127\.0\.0\.1:\d+ {2}ERR_TLS_ALERT_RECEIVED {2}.*unknown_ca/)
    })
  })

  it('closes on SIGTERM and on SIGINT with 0, with clients connected, and leaves no file', {
    skip: noSignals,
  }, async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await serve()
      const socket = await nodeClient(server.port, { ca: readFileSync(server.ca) })
      const ended = textOf(socket)
      assert.equal(await server.stop(signal), 0)
      assert.equal(await ended, '')
      assert.equal(existsSync(server.ca), false)
    }
  })

  it('ends with 3 when the port is taken, and with 2 when it is called wrongly', async () => {
    await withServer([], async ({ port }) => {
      const taken = await polytls(['serve', '--port', String(port)])
      assert.equal(taken.code, 3)
      assert.match(taken.stderr, /--port/)
    })
    const port = String(await deadPort())
    for (const words of [
      ['--port', 'x'],
      ['--port', port, '--key', 'k.pem'],
      ['--port', port, '--status', '--alpn', 'h2'],
      ['--port', port, '--client-ca', '/no/such/file'],
      ['--port', port, '--min', '1.3', '--max', '1.2'],
    ]) {
      assert.equal((await polytls(['serve', ...words])).code, 2, words.join(' '))
    }
  })
})

interface ClientOptions {
  readonly ca: Buffer
  readonly ALPNProtocols?: string[]
  readonly maxVersion?: 'TLSv1.2'
}

async function nodeClient(port: number, options: ClientOptions): Promise<TLSSocket> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    allowHalfOpen: true,
    ...options,
  } as object)
  await once(socket, 'secureConnect')
  return socket
}

async function textOf(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += String(chunk)
  })
  await once(socket, 'end')
  socket.end()
  return text
}

function fetchStatus(port: number, ca: string, accept: string): Promise<{ type: string; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port, ca: readFileSync(ca), agent: false, headers: { accept } }
    get(options, async (response) => {
      let body = ''
      for await (const chunk of response) body += String(chunk)
      resolve({ type: String(response.headers['content-type']), body })
    }).on('error', reject)
  })
}
