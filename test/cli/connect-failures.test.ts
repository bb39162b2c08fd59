import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type MadeCertificate, makeSelfSigned } from '#polytls/cli/certificates.js'
import { type Files, makeFiles, polytls, serve, start } from './command.ts'
import { deadPort, nodeTLSServer, type Peer, plainServer } from './peers.ts'

interface Told {
  readonly code: string
  readonly message: string
  readonly alert: string | null
  readonly reason: string | null
  readonly hint: string | null
}

describe('polytls connect, when it fails', () => {
  let files: Files
  let made: MadeCertificate
  const peers: Peer[] = []
  const running = async (peer: Promise<Peer>): Promise<number> => {
    peers.push(await peer)
    return (await peer).port
  }

  before(async () => {
    files = await makeFiles()
    made = await files.authority.issue({ name: 'localhost', names: ['localhost'] })
  })
  after(async () => {
    for (const peer of peers) await peer.close()
    files.remove()
  })

  /** Fails as a script sees it and as a person does: the same exit code, one in JSON, one in prose. */
  async function failure(
    port: number,
    words: readonly string[] = ['--ca', files.ca],
  ): Promise<Told & { exit: number }> {
    const all = ['connect', `localhost:${port}`, ...words]
    const script = await polytls([...all, '--json'])
    const person = await polytls(all)
    assert.equal(person.code, script.code)
    assert.equal(person.stdout, '')
    assert.match(person.stderr, /^polytls: /m)
    assert.doesNotMatch(person.stderr, /\n +at /)
    const { error, ...rest } = JSON.parse(script.stdout) as { error: Told }
    assert.deepEqual(rest, {})
    assert.deepEqual(Object.keys(error), ['code', 'message', 'alert', 'reason', 'hint'])
    return { ...error, exit: script.code ?? -1 }
  }

  it('ends with 3 when nothing listens', async () => {
    const { exit, code, hint } = await failure(await deadPort())
    assert.deepEqual([exit, code], [3, 'ECONNREFUSED'])
    assert.match(hint ?? '', /check the host and the port/)
  })

  it('ends with 3 when there is no host of the name', async () => {
    const { code, stdout } = await polytls(['connect', 'no-such-host.invalid', '--json'])
    assert.equal(code, 3)
    assert.match(JSON.parse(stdout).error.code, /^(ENOTFOUND|EAI_AGAIN)$/)
  })

  it('ends with 4 when the server does not speak the version, and says which option is in the way', async () => {
    const port = await running(nodeTLSServer(made, { minVersion: 'TLSv1.3' }))
    const { exit, code, alert, hint } = await failure(port, ['--ca', files.ca, '--max', '1.2'])
    assert.deepEqual([exit, code, alert], [4, 'ERR_TLS_ALERT_RECEIVED', 'protocol_version'])
    assert.match(hint ?? '', /try without --max/)
  })

  it('ends with 4 when a server speaks HTTP, and says that it is no TLS', async () => {
    const port = await running(
      plainServer((socket) => socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))),
    )
    const { exit, code, hint } = await failure(port)
    assert.deepEqual([exit, code], [4, 'ERR_TLS_NOT_TLS'])
    assert.match(hint ?? '', /check the port/)
  })

  it('ends with 4 when a server greets in plain text, and mentions STARTTLS', async () => {
    const port = await running(plainServer((socket) => socket.write('220 mail.example ESMTP\r\n')))
    const { exit, code, hint } = await failure(port)
    assert.deepEqual([exit, code], [4, 'ERR_TLS_NOT_TLS'])
    assert.match(hint ?? '', /STARTTLS/)
  })

  it('ends with 4 when a server says nothing, after --timeout', async () => {
    const port = await running(plainServer(() => {}))
    const { exit, code } = await failure(port, ['--timeout', '200'])
    assert.deepEqual([exit, code], [4, 'ERR_TLS_HANDSHAKE_TIMEOUT'])
  })

  it('ends with 4 when a server hangs up, politely or not', async () => {
    const polite = await running(plainServer((socket) => socket.resume().end()))
    const rude = await running(plainServer((socket) => socket.once('data', () => socket.resetAndDestroy())))
    assert.equal((await failure(polite)).exit, 4)
    assert.equal((await failure(rude)).exit, 4)
  })

  it('ends with 5 when nobody that is trusted vouches for the server, and shows a person what it sent', async () => {
    const port = await running(nodeTLSServer(made, {}))
    const { exit, code, alert, reason, hint } = await failure(port, [])
    assert.deepEqual([exit, code, alert, reason], [5, 'ERR_TLS_CERTIFICATE', 'unknown_ca', 'unknown-issuer'])
    assert.match(hint ?? '', /--ca FILE/)
    const { stderr } = await polytls(['connect', `localhost:${port}`])
    assert.match(stderr, /not verified.*\n\n {2}0 {2}CN=localhost/)
    assert.match(stderr, /sha256 +[0-9a-f]{64}/)
  })

  it('saves the certificate that it refuses, for whoever decides to trust exactly it', async () => {
    const device = await makeSelfSigned({ name: 'device', names: ['localhost'] })
    const port = await running(nodeTLSServer(device, {}))
    const file = join(files.folder, 'device.pem')
    const { exit, reason, hint } = await failure(port, ['--save', file])
    assert.deepEqual([exit, reason], [5, 'self-signed'])
    assert.match(hint ?? '', /--save FILE/)
    const trusted = await polytls(['connect', `localhost:${port}`, '--ca', file])
    assert.equal(trusted.code, 0, trusted.stderr)
  })

  for (const option of ['--save', '--session-out']) {
    it(`ends with 2, and soon, where ${option} cannot be written, whether there is data or not`, async () => {
      const port = await running(nodeTLSServer(made, {}, () => {}))
      for (const input of ['', 'hello']) {
        const words = ['connect', `localhost:${port}`, '--ca', files.ca, option, files.folder]
        const { code, stderr } = await polytls(words, { input })
        assert.equal(code, 2, stderr)
        assert.match(stderr, new RegExp(`${option}: .* cannot be written: EISDIR$`, 'm'))
        assert.doesNotMatch(stderr, /\n +at /)
      }
    })
  }

  it('ends with 5 when the certificate is for somebody else', async () => {
    const port = await running(nodeTLSServer(made, {}))
    const { exit, reason, hint } = await failure(port, ['--ca', files.ca, '--sni', 'elsewhere.example'])
    assert.deepEqual([exit, reason], [5, 'wrong-host'])
    assert.match(hint ?? '', /--sni/)
  })

  it('ends with 5 when the certificate has expired', async () => {
    const yesterday = new Date(Date.now() - 86_400_000)
    const expired = await files.authority.issue({
      name: 'localhost',
      names: ['localhost'],
      notBefore: new Date(Date.now() - 9 * 86_400_000),
      notAfter: yesterday,
    })
    const port = await running(nodeTLSServer(expired, {}))
    const { exit, reason } = await failure(port)
    assert.deepEqual([exit, reason], [5, 'expired'])
  })

  it('shows control characters in names of the peer as numbers', async () => {
    const evil = await files.authority.issue({ name: 'x\u001b[2J\u202ey', names: ['localhost'] })
    const port = await running(nodeTLSServer(evil, {}))
    const { code, stdout } = await polytls(['connect', `localhost:${port}`, '--ca', files.ca])
    assert.equal(code, 0)
    assert.ok(!stdout.includes('\u001b') && !stdout.includes('\u202e'))
  })

  it('notices that a TLS 1.3 server refuses the client only after the handshake', async () => {
    const server = await serve(['--client-ca', files.ca])
    const words = ['connect', `localhost:${server.port}`, '--ca', server.ca]
    const { code, stdout } = await polytls([...words, '--json'])
    assert.equal(code, 4)
    const { error } = JSON.parse(stdout)
    assert.deepEqual([error.code, error.alert], ['ERR_TLS_ALERT_RECEIVED', 'certificate_required'])
    assert.match(error.hint, /--cert FILE --key FILE/)
    const client = await files.authority.issue({ name: 'client' })
    const both = files.write('client.pem', client.certificate + client.key)
    const accepted = await polytls([...words, '--cert', both])
    assert.equal(accepted.code, 0, accepted.stderr)
    await server.stop()
  })

  it('ends with 2 and the nearest name when it is called wrongly', async () => {
    const cases: readonly (readonly [words: readonly string[], message: RegExp])[] = [
      [['connect'], /missing required argument/],
      [['connect', 'localhost', '--mim', '1.2'], /Did you mean --min\?/],
      [['connect', 'localhost', '--min', '1.1'], /RFC 8996/],
      [['connect', 'localhost', '--min', '1.3', '--max', '1.2'], /lowestSupportedVersion/],
      [['connect', 'localhost', '--groups', 'x25591'], /did you mean x25519\?/],
      [
        ['connect', 'localhost', '--ciphers', 'ECDHE-RSA-AES128-GCM-SHA256'],
        /did you mean TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\?/,
      ],
      [['connect', 'localhost', '--expect', 'versoin>=1.3'], /did you mean version\?/],
      [['connect', 'localhost', '--expect', 'days'], /not a condition/],
      [['connect', 'localhost', '--expect', 'group>x25519'], /no order/],
      [['connect', 'localhost', '--timeout', '0'], /milliseconds/],
      [['connect', 'localhost', '--ca', '/no/such/file'], /no such file/],
      [['connect', 'localhost', '--key', 'key.pem'], /--cert/],
      [['connect', 'localhost', '--sni', 'a b'], /neither a host name nor an IP address/],
      [['connect', 'localhost:65536'], /HOST\[:PORT\]/],
      [['connect', 'https://example.org:8443/x'], /example\.org:8443/],
      [['connect', 'localhost', '--json', '-i'], /ERR_USAGE/],
    ]
    for (const [words, message] of cases) {
      const { code, stdout, stderr } = await polytls(words)
      assert.equal(code, 2, words.join(' '))
      // Lines are broken to fit a terminal.
      assert.match((stdout + stderr).replace(/\s+/g, ' '), message)
    }
  })

  it('ends quietly when nobody reads its output any more', async () => {
    const port = await running(nodeTLSServer(made, {}, (socket) => endless(socket)))
    const child = start(['connect', `localhost:${port}`, '--ca', files.ca, '-i'])
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    child.stdout?.destroy()
    let stderr = ''
    child.stderr?.on('data', (chunk) => {
      stderr += String(chunk)
    })
    const [code] = await once(child, 'close')
    assert.equal(code, 0)
    assert.doesNotMatch(stderr, /EPIPE|\n +at /)
  })
})

/** Sends as fast as it is read. */
function endless(socket: {
  write(data: Uint8Array): boolean
  on(event: 'drain', listener: () => void): unknown
}): void {
  const chunk = Buffer.alloc(16 * 1024, 'x')
  const more = (): void => {
    while (socket.write(chunk));
  }
  socket.on('drain', more)
  more()
}
