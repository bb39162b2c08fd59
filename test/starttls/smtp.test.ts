import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientDialogues, serverDialogues } from 'polytls'
import { endsEarlyEverywhere, fails, holds, survivesNonsense, type Turn } from './transcript.ts'

const { smtp, lmtp } = clientDialogues
const named = { clientName: 'client.test' }

const honest: readonly Turn[] = [
  { peer: '220-mail.test ESMTP\r\n220 no spam\r\n' },
  { us: 'EHLO client.test\r\n' },
  { peer: '250-mail.test greets client.test\r\n250-SIZE 35882577\r\n250-PIPELINING\r\n250 starttls\r\n' },
  { us: 'STARTTLS\r\n' },
  { peer: '220 2.0.0 Ready to start TLS\r\n' },
]

describe('a client of SMTP', () => {
  it('asks for TLS where it is offered, and tells what it learned', () => {
    assert.deepEqual(holds(smtp, named, honest), {
      kind: 'go-ahead',
      learned: {
        greeting: 'mail.test ESMTP\nno spam',
        capabilities: ['SIZE 35882577', 'PIPELINING', 'starttls'],
      },
    })
  })

  it('understands replies of several lines, and of codes alone', () => {
    holds(smtp, named, [
      { peer: '220\r\n' },
      { us: 'EHLO client.test\r\n' },
      { peer: '250-x\r\n250 STARTTLS\r\n' },
      { us: 'STARTTLS\r\n' },
      { peer: '220-one\r\n220-\r\n220 two\r\n' },
    ])
  })

  it('introduces itself by its address where it has no name', () => {
    const hello = (localAddress?: string): string => {
      let said = ''
      const trace = (from: string, text: string): void => {
        if (from === 'client' && said === '') said = text
      }
      fails(smtp, {}, [{ peer: '220 x\r\n' }, { us: /EHLO/ }, { peer: '5\r\n' }], { localAddress, trace })
      return said
    }
    assert.equal(hello('192.0.2.1'), 'EHLO [192.0.2.1]')
    assert.equal(hello('::ffff:192.0.2.1'), 'EHLO [192.0.2.1]')
    assert.equal(hello('2001:db8::1'), 'EHLO [IPv6:2001:db8::1]')
    assert.equal(hello('fe80::1%eth0'), 'EHLO [IPv6:fe80::1]')
    assert.equal(hello(), 'EHLO [127.0.0.1]')
  })

  it('says no more than its name where that could say more', () => {
    for (const clientName of ['a b', 'a\r\nMAIL FROM:<x>', '', 'a\0']) {
      assert.throws(
        () => holds(smtp, { clientName }, honest),
        (error: Error & { field?: string }) => error.field === 'dialogue.clientName',
      )
    }
  })

  it('tells a server that does not offer TLS from one that refuses it', () => {
    const greeting = [{ peer: '220 mail.test\r\n' }, { us: 'EHLO client.test\r\n' }]
    const plain = holds(smtp, named, [...greeting, { peer: '250-mail.test\r\n250 XSTARTTLS\r\n' }])
    assert.deepEqual(plain, {
      kind: 'not-offered',
      learned: { greeting: 'mail.test', capabilities: ['XSTARTTLS'] },
      message: 'the server does not offer STARTTLS',
    })
    const refused = holds(smtp, named, [...honest.slice(0, 4), { peer: '454 4.7.0 not now\r\n' }])
    assert.equal(refused.kind, 'refused')
    assert.equal(refused.kind === 'refused' && refused.said, '454 4.7.0 not now')
  })

  it('goes back to HELO with a server of old', () => {
    const outcome = holds(smtp, named, [
      { peer: '220 mail.test\r\n' },
      { us: 'EHLO client.test\r\n' },
      { peer: '502 what?\r\n' },
      { us: 'HELO client.test\r\n' },
      { peer: '250 mail.test\r\n' },
    ])
    assert.equal(outcome.kind, 'not-offered')
    assert.deepEqual(outcome.learned, { greeting: 'mail.test', capabilities: [] })
  })

  it('does not ask where the program wants plain text now', () => {
    assert.equal(holds(smtp, named, honest.slice(0, 3), { tls: 'declined' }).kind, 'declined')
  })

  it('fails where the server does not want to speak', () => {
    const busy = fails(smtp, named, [{ peer: '554 go away\r\n' }])
    assert.equal(busy.code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(busy.said, '554 go away')
  })

  it('fails at what is no SMTP', () => {
    for (const peer of [
      'SSH-2.0-OpenSSH\r\n',
      '* OK IMAP\r\n',
      '220-a\r\n221 b\r\n',
      '999 x\r\n',
      '220 a\rb\r\n',
      '22\r\n',
    ]) {
      assert.equal(fails(smtp, named, [{ peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('refuses what stands behind the go-ahead', () => {
    for (const injected of ['X', '250 fine\r\n', '\r\n', '\x16\x03\x01']) {
      const last = { peer: `220 go\r\n${injected}` }
      assert.equal(fails(smtp, named, [...honest.slice(0, 4), last]).code, 'ERR_TLS_STARTTLS_INJECTION')
    }
  })

  it('is bounded in lines, in the length of each, and in bytes', () => {
    const limit = (peer: string): string => fails(smtp, named, [{ peer }]).code
    assert.equal(limit('220-x\r\n'.repeat(1001)), 'ERR_TLS_STARTTLS_LIMIT')
    assert.equal(limit(`220 ${'x'.repeat(8190)}`), 'ERR_TLS_STARTTLS_LIMIT')
    assert.equal(limit(`220-${'x'.repeat(8000)}\r\n`.repeat(17)), 'ERR_TLS_STARTTLS_LIMIT')
  })

  it('tells an end of the connection at any point', () => endsEarlyEverywhere(smtp, named, honest))

  it('comes to an end with any nonsense', () => {
    const { errors } = survivesNonsense(smtp, named, honest)
    assert.ok(errors > 50)
  })
})

describe('a client of LMTP', () => {
  it('says LHLO, and otherwise the same', () => {
    const turns = [{ peer: '220 x\r\n' }, { us: 'LHLO client.test\r\n' }, { peer: '250 STARTTLS\r\n' }]
    assert.equal(holds(lmtp, named, turns).kind, 'not-offered', 'the first line is the name')
    const { code } = fails(lmtp, named, [...turns.slice(0, 2), { peer: '500 what\r\n' }])
    assert.equal(code, 'ERR_TLS_STARTTLS_REFUSED')
  })
})

describe('a server of SMTP', () => {
  const server = serverDialogues.smtp
  const options = { serverName: 'mail.test' }
  const asked: readonly Turn[] = [
    { us: '220 mail.test ESMTP\r\n' },
    { peer: 'EHLO client.test\r\n' },
    { us: '250-mail.test\r\n250 STARTTLS\r\n' },
    { peer: 'starttls\r\n' },
    { us: '220 2.0.0 ready to start TLS\r\n' },
  ]

  it('offers TLS, and agrees to it', () => {
    assert.deepEqual(holds(server, options, asked), { kind: 'go-ahead', learned: { clientName: 'client.test' } })
  })

  it('answers what is harmless, and refuses the rest', () => {
    holds(server, options, [
      ...asked.slice(0, 1),
      { peer: 'NOOP\r\n' },
      { us: '250 2.0.0 ok\r\n' },
      { peer: 'MAIL FROM:<a@b>\r\n' },
      { us: '530 5.7.0 must issue a STARTTLS command first\r\n' },
      { peer: 'STARTTLS now\r\n' },
      { us: '501 5.5.4 no parameters allowed\r\n' },
      { peer: 'HELO client.test\r\n' },
      { us: '250 mail.test\r\n' },
      ...asked.slice(3),
    ])
  })

  it('hands a client that goes on without TLS over where that is allowed', () => {
    const turns = [...asked.slice(0, 3), { peer: 'MAIL FROM:<a@b>\r\n' }]
    const outcome = holds(server, options, turns, { tls: 'optional' })
    assert.equal(outcome.kind, 'not-requested')
    assert.deepEqual(outcome.learned, { clientName: 'client.test' })
  })

  it('tells that a client left', () => {
    const { code } = fails(server, options, [...asked.slice(0, 3), { peer: 'QUIT\r\n' }])
    assert.equal(code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
  })

  it('refuses what a client sends along with its request, and gives no go-ahead', () => {
    for (const injected of ['EHLO evil\r\n', 'x', '\x16\x03\x01']) {
      const turns = [...asked.slice(0, 3), { peer: `STARTTLS\r\n${injected}` }, { us: '' }]
      assert.equal(fails(server, options, turns).code, 'ERR_TLS_STARTTLS_INJECTION')
    }
  })

  it('tells an end of the connection at any point, and survives nonsense', () => {
    endsEarlyEverywhere(server, options, asked)
    survivesNonsense(server, options, asked)
  })
})
