import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'
import type { MadeCertificate } from '#polytls/cli/certificates.js'
import { type Files, makeFiles, type Served, serve, start } from './command.ts'
import { nodeTLSServer, type Peer } from './peers.ts'

describe('polytls connect, as a client', () => {
  let files: Files
  let made: MadeCertificate
  let echo: Served
  const peers: Peer[] = []

  before(async () => {
    files = await makeFiles()
    made = await files.authority.issue({ name: 'localhost', names: ['localhost'] })
    echo = await serve()
  })
  after(async () => {
    await echo.stop()
    for (const peer of peers) await peer.close()
    files.remove()
  })

  for (const version of ['1.2', '1.3']) {
    it(`carries 1 MiB from stdin to an echo and back to stdout, with TLS ${version}`, async () => {
      const data = randomBytes(1024 * 1024)
      const words = ['connect', `localhost:${echo.port}`, '--ca', echo.ca, '--max', version]
      const { code, bytes, stderr } = await converse(words, data)
      assert.equal(code, 0, stderr)
      assert.equal(bytes.byteLength, data.byteLength)
      assert.equal(sha256(bytes), sha256(data))
      assert.match(stderr, /verified {2}localhost/)
      assert.match(stderr, /sent 1,048,576 bytes, received 1,048,576/)
    })
  }

  it('hears the answer of a server that reads to the end of stdin before it answers', async () => {
    const peer = await nodeTLSServer(made, { allowHalfOpen: true } as object, (socket) => {
      let received = 0
      socket.on('data', (chunk: Buffer) => {
        received += chunk.byteLength
      })
      socket.on('end', () => socket.end(`got ${received}`))
    })
    peers.push(peer)
    const { code, bytes, stderr } = await converse(['connect', `localhost:${peer.port}`, '--ca', files.ca], 'question')
    assert.equal(code, 0, stderr)
    assert.equal(String(bytes), 'got 8')
  })

  it('sends CR LF for every LF with --crlf, and once where there is one', async () => {
    const words = ['connect', `localhost:${echo.port}`, '--ca', echo.ca, '--crlf']
    const { bytes } = await converse(words, 'a\nb\r\n\n')
    assert.equal(String(bytes), 'a\r\nb\r\n\r\n')
  })

  it('leaves its direction open at the end of stdin with --keep-open', async () => {
    const peer = await nodeTLSServer(made, {}, (socket) => {
      let ended = false
      socket.on('end', () => {
        ended = true
      })
      socket.once('data', () => {
        // A client that closes does so with its request; one more exchange with the server's event loop shows it.
        setImmediate(() => setImmediate(() => socket.end(ended ? 'closed' : 'open')))
      })
    })
    peers.push(peer)
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca, '--keep-open']
    assert.equal(String((await converse(words, 'request')).bytes), 'open')
  })

  it('ends when the peer closes while nothing more comes from stdin', async () => {
    const peer = await nodeTLSServer(made, {}, (socket) => {
      // Node says no close_notify to a client of the same moment.
      socket.once('data', () => socket.end('bye'))
    })
    peers.push(peer)
    const child = start(['connect', `localhost:${peer.port}`, '--ca', files.ca], { input: '' })
    child.stdin?.write('hello')
    child.stderr?.resume()
    let stdout = ''
    child.stdout?.on('data', (chunk) => {
      stdout += String(chunk)
    })
    // Its stdin stays open, as that of a program does that is waiting.
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
    assert.equal(stdout, 'bye')
  })

  it('sends nothing when an expectation does not hold', async () => {
    let received = 0
    const peer = await nodeTLSServer(made, { maxVersion: 'TLSv1.2' }, (socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.byteLength
      })
      socket.on('end', () => socket.end())
    })
    peers.push(peer)
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca, '-i', '--expect', 'version>=1.3']
    const { code, bytes } = await converse(words, 'secret')
    assert.equal(code, 6)
    assert.equal(bytes.byteLength, 0)
    assert.equal(received, 0)
  })

  it('says so and ends with 3 when the connection is cut without close_notify', async () => {
    const peer = await nodeTLSServer(made, {}, (socket) => {
      socket.write('half of', () => socket.destroy())
    })
    peers.push(peer)
    const words = ['connect', `localhost:${peer.port}`, '--ca', files.ca, '-i', '--keep-open']
    const { code, bytes, stderr } = await converse(words, '')
    assert.equal(String(bytes), 'half of')
    assert.equal(code, 3)
    assert.match(stderr.replace(/\s+/g, ' '), /without close_notify|cut the connection/)
  })

  it('closes the connection and ends with 130 on Ctrl-C', {
    skip: process.platform === 'win32' && 'no signals',
  }, async () => {
    const child = start(['connect', `localhost:${echo.port}`, '--ca', echo.ca, '-i'], { input: '' })
    child.stdin?.write('ping')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    child.kill('SIGINT')
    child.stderr?.resume()
    const [code, signal] = await once(child, 'close')
    assert.deepEqual([code, signal], [130, null])
  })
})

interface Conversation {
  readonly code: number | null
  readonly bytes: Buffer
  readonly stderr: string
}

async function converse(words: readonly string[], input: Uint8Array | string): Promise<Conversation> {
  const child = start(words, { input })
  const chunks: Buffer[] = []
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk)
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, bytes: Buffer.concat(chunks), stderr }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
