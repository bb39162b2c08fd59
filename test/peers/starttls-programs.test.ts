import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, it, type TestContext } from 'node:test'
import type { Backend, ServerProtocol, TLSSocket } from 'polytls'
import { contextTag, Tag } from '#polytls/codec/der.js'
import { encodeElement, encodeOctetString, encodeSequence, encodeUnsigned } from '#polytls/codec/der-writer.js'
import { forEachBackend } from '../support/backends.ts'
import { hostName, type Identities, makeIdentities } from './support/identities.ts'
import { serve } from './support/own-plain-server.ts'
import { Hearing } from './support/plain-beginnings.ts'
import { run } from './support/program.ts'
import { newerPostgres } from './support/server-folders.ts'

let identities: Identities
before(async () => {
  identities = await makeIdentities()
})
after(() => identities.remove())

/** Runs a program against a server of ours, which plays its part inside TLS; the program has to be content. */
async function converse(
  t: TestContext,
  { backend, protocol, program }: { backend: Backend; protocol: ServerProtocol; program: (port: number) => Started },
  play: (hearing: Hearing, socket: TLSSocket) => Promise<void>,
): Promise<string> {
  const { port, accepted } = await serve(t, identities, backend, protocol)
  const { name, options, input = '', environment } = program(port)
  const words: [string, readonly string[]] =
    environment === undefined ? [name, options] : ['env', [...environment, name, ...options]]
  const running = run(...words, input)
  const { socket } = await accepted
  try {
    await play(new Hearing(socket), socket)
  } catch (cause) {
    socket.destroy()
    throw new Error(`${name} and our server part: ${(await running).report}`, { cause })
  }
  const { code, report } = await running
  assert.equal(code, 0, report)
  assert.equal(socket.facts.version, 'TLSv1.3')
  socket.destroy()
  return report
}

interface Started {
  readonly name: string
  readonly options: readonly string[]
  readonly input?: string
  readonly environment?: readonly string[]
}

/** Has curl use our name, and trust our authority alone. */
const curl =
  (scheme: string, path: string, ...more: readonly string[]) =>
  (port: number): Started => ({
    name: 'curl',
    options: [
      ...['--silent', '--show-error', '--max-time', '20', '--ssl-reqd', '--cacert', identities.authorityFile],
      ...['--resolve', `${hostName}:${port}:127.0.0.1`, ...more, `${scheme}://${hostName}:${port}${path}`],
    ],
    input: mail,
  })

const mail = 'Subject: x\r\n\r\nby way of TLS\r\n'

/** Takes one mail, and answers the text of it. */
async function takeMail(hearing: Hearing): Promise<string> {
  await hearing.until(/^EHLO .*\r\n/)
  await hearing.ask(`250-${hostName}\r\n250 8BITMIME\r\n`, /^MAIL FROM:.*\r\n/)
  await hearing.ask('250 ok\r\n', /^RCPT TO:.*\r\n/)
  await hearing.ask('250 ok\r\n', /^DATA\r\n/)
  const text = await hearing.ask('354 go on\r\n', /\r\n\.\r\n/)
  await hearing.ask('250 taken\r\n', /^QUIT\r\n/)
  return text
}

forEachBackend('programs that do something with our server, having begun in plain text', (backend) => {
  it('curl brings a mail by SMTP', async (t) => {
    const envelope = ['--mail-from', 'a@server.test', '--mail-rcpt', 'b@server.test', '--upload-file', '-']
    await converse(
      t,
      { backend, protocol: 'smtp', program: curl('smtp', '', ...envelope) },
      async (hearing, socket) => {
        assert.match(await takeMail(hearing), /by way of TLS/)
        socket.end('221 bye\r\n')
      },
    )
  })

  it('swaks brings a mail by SMTP', async (t) => {
    const program = (port: number): Started => ({
      name: 'swaks',
      options: [
        ...['--server', '127.0.0.1', '--port', `${port}`, '--from', 'a@server.test', '--to', 'b@server.test'],
        ...['--tls', '--tls-verify', '--tls-ca-path', identities.authorityFile, '--tls-sni', hostName],
        ...['--body', 'by way of TLS', '--timeout', '20'],
      ],
    })
    const report = await converse(t, { backend, protocol: 'smtp', program }, async (hearing, socket) => {
      assert.match(await takeMail(hearing), /by way of TLS/)
      socket.end('221 bye\r\n')
    })
    assert.match(report, /TLS started with cipher TLSv1\.3:/)
  })

  it('curl fetches a mail by IMAP', async (t) => {
    const program = curl('imap', '/INBOX;MAILINDEX=1', '--user', 'alice:secret')
    const report = await converse(t, { backend, protocol: 'imap', program }, async (hearing, socket) => {
      // curl does not forget that LOGIN was disabled in plain text.
      const answers: readonly (readonly [RegExp, string])[] = [
        [/CAPABILITY\r\n/, '* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR\r\n'],
        [/AUTHENTICATE PLAIN \S+\r\n/, ''],
        [/SELECT INBOX\r\n/, '* 1 EXISTS\r\n'],
        [/FETCH 1 BODY\[\]\r\n/, `* 1 FETCH (BODY[] {${mail.length}}\r\n${mail})\r\n`],
        [/LOGOUT\r\n/, '* BYE\r\n'],
      ]
      for (const [command, answer] of answers) {
        const [tag = ''] = (await hearing.until(command)).split(' ')
        socket.write(`${answer}${tag} OK\r\n`)
      }
      socket.end()
    })
    assert.match(report, /by way of TLS/)
  })

  it('curl fetches a mail by POP3', async (t) => {
    const program = curl('pop3', '/1', '--user', 'alice:secret')
    const report = await converse(t, { backend, protocol: 'pop3', program }, async (hearing, socket) => {
      await hearing.until(/^CAPA\r\n/)
      await hearing.ask('+OK\r\nUSER\r\n.\r\n', /^USER alice\r\n/)
      await hearing.ask('+OK\r\n', /^PASS secret\r\n/)
      await hearing.ask('+OK\r\n', /^RETR 1\r\n/)
      await hearing.ask(`+OK\r\n${mail}.\r\n`, /^QUIT\r\n/)
      socket.end('+OK\r\n')
    })
    assert.match(report, /by way of TLS/)
  })

  it('ldapsearch -ZZ finds a person', async (t) => {
    const text = (value: string): Uint8Array => encodeOctetString(Buffer.from(value))
    const result = Buffer.concat([encodeElement(Tag.ENUMERATED, Uint8Array.of(0)), text(''), text('')])
    const message = (id: number, operation: Uint8Array): Uint8Array => encodeSequence(encodeUnsigned(id), operation)
    const attribute = encodeSequence(text('sn'), encodeElement(0x31, text('Liddell')))
    const entry = encodeElement(BIND_RESPONSE + 3, text('cn=Alice,dc=test'), encodeSequence(attribute))
    const program = (port: number): Started => ({
      name: 'ldapsearch',
      options: ['-ZZ', '-x', '-LLL', '-H', `ldap://127.0.0.1:${port}`, '-b', 'dc=test', 'cn=Alice'],
      environment: [`LDAPTLS_CACERT=${identities.authorityFile}`, 'LDAPTLS_REQCERT=demand'],
    })
    const report = await converse(t, { backend, protocol: 'ldap', program }, async (hearing, socket) => {
      // The first message had the number 1: StartTLS.
      await hearing.until(String.fromCharCode(Tag.INTEGER, 1, 2, contextTag(0) - 0x40))
      socket.write(message(2, encodeElement(BIND_RESPONSE, result)))
      await hearing.until('Alice')
      socket.write(Buffer.concat([message(3, entry), message(3, encodeElement(BIND_RESPONSE + 4, result))]))
    })
    assert.match(report, /sn: Liddell/)
  })

  const message = (type: string, body: string): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(body.length + 4)
    return Buffer.concat([Buffer.from(type), length, Buffer.from(body, 'latin1')])
  }
  const parameters = (port: number): string =>
    `host=${hostName} hostaddr=127.0.0.1 port=${port} dbname=postgres user=postgres sslmode=verify-full sslrootcert=${identities.authorityFile}`
  const selectRow = async (hearing: Hearing, socket: TLSSocket): Promise<void> => {
    const ready = message('Z', 'I')
    await hearing.until('user\0postgres\0')
    socket.write(Buffer.concat([message('R', '\0\0\0\0'), ready]))
    await hearing.until('select 6 * 7\0')
    const column = 'answer\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0'
    const row = message('T', `\0\x01${column}`)
    socket.write(Buffer.concat([row, message('D', '\0\x01\0\0\0\x0242'), message('C', 'SELECT 1\0'), ready]))
    await hearing.until('X')
  }

  it('psql selects a row', async (t) => {
    const program = (port: number): Started => ({
      name: 'psql',
      options: ['-XAt', '-c', 'select 6 * 7', parameters(port)],
    })
    const report = await converse(t, { backend, protocol: 'postgres', program }, selectRow)
    assert.match(report, /^42$/m)
  })

  it('libpq 18 selects a row, in TLS from the first byte', async (t) => {
    const lib = join(newerPostgres, 'lib')
    const program = (port: number): Started => ({
      name: 'python3',
      options: ['-c', libpqProgram, join(lib, 'libpq.so.5'), `${parameters(port)} sslnegotiation=direct`],
      environment: [`LD_LIBRARY_PATH=${lib}`],
    })
    const play = async (hearing: Hearing, socket: TLSSocket): Promise<void> => {
      assert.equal(socket.facts.innerProtocol, 'postgresql')
      await selectRow(hearing, socket)
    }
    const report = await converse(t, { backend, protocol: 'postgres', program }, play)
    assert.match(report, /^42$/m)
  })
})

/** The application's tag of a BindResponse; those of search follow it. RFC 4511, Appendix B. */
const BIND_RESPONSE = 0x61

const libpqProgram = `
import ctypes, sys
libpq = ctypes.CDLL(sys.argv[1])
for name in 'PQconnectdb', 'PQexec':
    getattr(libpq, name).restype = ctypes.c_void_p
libpq.PQerrorMessage.restype = libpq.PQgetvalue.restype = ctypes.c_char_p
connection = ctypes.c_void_p(libpq.PQconnectdb(sys.argv[2].encode()))
if libpq.PQstatus(connection) != 0:
    sys.exit(libpq.PQerrorMessage(connection).decode())
row = ctypes.c_void_p(libpq.PQexec(connection, b'select 6 * 7'))
print(libpq.PQgetvalue(row, 0, 0).decode())
libpq.PQfinish(connection)
`
