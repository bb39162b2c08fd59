import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientDialogues, type Dialogue, serverDialogues } from 'polytls'
import { fails, holds, type Turn } from './transcript.ts'
import { hex, mysqlGreeting } from './transcripts.ts'

const { ftp, ldap, telnet, postgres, mysql, tds, amqp, rdp, socks5, 'http-connect': httpConnect } = clientDialogues

describe('a client of FTP', () => {
  const asked = [{ peer: '220 ready\r\n' }, { us: 'AUTH TLS\r\n' }]

  it('tells a server that does not know the command from one that refuses it', () => {
    for (const code of ['500', '502', '504']) {
      assert.equal(holds(ftp, {}, [...asked, { peer: `${code} what\r\n` }]).kind, 'not-offered')
    }
    for (const code of ['334', '431', '530', '534']) {
      assert.equal(holds(ftp, {}, [...asked, { peer: `${code} no\r\n` }]).kind, 'refused')
    }
    assert.equal(fails(ftp, {}, [{ peer: '421 busy\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(ftp, {}, [{ peer: 'SSH-2.0\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })

  /** What is said inside TLS, as a dialogue. */
  function insideTLS(dataProtection?: 'private' | 'clear' | 'unset'): Dialogue<unknown, undefined> | undefined {
    const outcome = holds(ftp, { dataProtection }, [...asked, { peer: '234 go\r\n' }])
    const epilogue = outcome.kind === 'go-ahead' ? outcome.epilogue : undefined
    if (epilogue === undefined) return undefined
    return {
      protocol: 'ftp',
      specification: '',
      ports: [],
      role: 'client',
      *speak(talk) {
        yield* epilogue(talk)
        return { kind: 'go-ahead', learned: undefined }
      },
    }
  }

  it('agrees on the protection of data inside TLS, unless it is told not to', () => {
    assert.equal(insideTLS('unset'), undefined)
    for (const [protection, command] of [
      [undefined, 'PROT P'],
      ['clear', 'PROT C'],
    ] as const) {
      const inside = insideTLS(protection)
      assert.ok(inside !== undefined)
      const sized = [{ us: 'PBSZ 0\r\n' }, { peer: '200 PBSZ=0\r\n' }, { us: `${command}\r\n` }]
      assert.equal(holds(inside, {}, [...sized, { peer: '200 ok\r\n' }]).kind, 'go-ahead')
      assert.equal(fails(inside, {}, [...sized, { peer: '534 no\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    }
  })
})

describe('LDAP', () => {
  it('tells a server that does not know StartTLS from one that refuses it, with its words', () => {
    const answer = (code: number, text = ''): Turn => {
      const diagnostic = Buffer.from(text)
      const head = Uint8Array.of(0x0a, 1, code, 4, 0, 4, diagnostic.length)
      const content = Buffer.concat([head, diagnostic])
      return { peer: Buffer.concat([Uint8Array.of(0x30, content.length + 5, 2, 1, 1, 0x78, content.length), content]) }
    }
    const asked = { us: /1\.3\.6\.1\.4\.1\.1466\.20037/ }
    assert.equal(holds(ldap, {}, [asked, answer(2, 'unsupported')]).kind, 'not-offered')
    const refused = holds(ldap, {}, [asked, answer(52, 'no certificate')])
    assert.equal(refused.kind === 'refused' && refused.said, 'unavailable, no certificate')
    assert.equal(holds(ldap, {}, [asked, answer(99)]).kind, 'refused')
  })

  it('tells what is no answer', () => {
    const asked = { us: /1466/ }
    // Message 0, unavailable, "go away", the name of the notice.
    const bye = hex(`30 2b 020100 7826 0a0134 0400 0407 676f2061776179 8a16
      312e332e362e312e342e312e313436362e3230303336`)
    assert.match(fails(ldap, {}, [asked, { peer: bye }]).message, /ends the connection/)
    const cases = {
      'another message': '300c 020102 7807 0a0100 0400 0400',
      'another operation': '300c 020101 6107 0a0100 0400 0400',
      'another extension': '3011 020101 780c 0a0100 0400 0400 8a03 312e32',
      'no sequence': '310c 020101 7807 0a0100 0400 0400',
      'an indefinite length': '3080 020101 7807 0a0100 0400 0400',
      'a length that cannot be': '3085 0100000000',
      'trailing bytes': '300e 020101 7807 0a0100 0400 0400 0000',
      'an element longer than its message': '300c 020101 7808 0a0100 0400 0400',
    }
    for (const [what, bytes] of Object.entries(cases)) {
      assert.equal(fails(ldap, {}, [asked, { peer: hex(bytes) }]).code, 'ERR_TLS_STARTTLS_MALFORMED', what)
    }
    const huge = { peer: hex('3084 7fffffff 020101') }
    assert.equal(fails(ldap, {}, [asked, huge]).code, 'ERR_TLS_STARTTLS_LIMIT')
  })

  it('as a server answers other requests with confidentialityRequired, and lets them go on where that is allowed', () => {
    const server = serverDialogues.ldap
    const bind = hex('300c 020101 6007 020103 0400 8000')
    const startTls = hex('301d 020102 7718 8016 312e332e362e312e342e312e313436362e3230303337')
    holds(server, {}, [
      { peer: bind },
      { us: Buffer.concat([hex('3020 020101 611b 0a010d 0400 0414'), Buffer.from('StartTLS comes first')]) },
      { peer: hex('3006 020105 500101') },
      { us: '' },
      { peer: startTls },
      { us: /20037/ },
    ])
    const outcome = holds(server, {}, [{ peer: bind }], { tls: 'optional' })
    assert.equal(outcome.kind, 'not-requested')
    const unbind = { peer: hex('3005 020101 4200') }
    assert.equal(fails(server, {}, [unbind]).code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
    const response = { peer: hex('300c 020101 6107 0a0100 0400 0400') }
    assert.equal(fails(server, {}, [response]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('a client of Telnet', () => {
  it('goes on without the option where the server does not know it', () => {
    const outcome = holds(telnet, {}, [{ us: hex('fffb2e') }, { peer: hex('6869 ffff fffe2e') }])
    assert.equal(outcome.kind, 'not-offered')
  })

  it('answers no option twice, and skips what is none of its business', () => {
    holds(telnet, {}, [
      { us: hex('fffb2e') },
      { peer: hex('fffd2e') },
      { us: hex('fffa2e01fff0') },
      // DO once more, WONT and DONT of another option, a subnegotiation of another with an escaped 255 in it, NOP.
      { peer: hex('fffd2e fffc03 fffe03 fffa18 00ffff fff0 fff1') },
      { us: '' },
      { peer: hex('fffa2e01fff0') },
    ])
  })

  it('fails at a subnegotiation that cannot be', () => {
    for (const peer of ['fffa2e01fff0', 'fffd2e fffa2e02fff0', 'fffd2e fffa2efff0']) {
      assert.equal(fails(telnet, {}, [{ us: hex('fffb2e') }, { peer: hex(peer) }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    }
  })
})

describe('PostgreSQL', () => {
  const request = { us: hex('00000008 04d2162f') }
  it('tells a server without TLS, an error whose words it does not repeat, and nonsense', () => {
    assert.equal(holds(postgres, {}, [request, { peer: 'N' }]).kind, 'not-offered')
    const refused = fails(postgres, {}, [request, { peer: 'E' }])
    assert.equal(refused.code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(refused.said, undefined)
    assert.equal(fails(postgres, {}, [request, { peer: 'H' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })

  it('says nothing where it begins with TLS', () => {
    const outcome = holds(postgres, { negotiation: 'direct' }, [{ us: '' }])
    assert.deepEqual(outcome, { kind: 'go-ahead', learned: {}, innerProtocol: 'postgresql' })
  })

  const server = serverDialogues.postgres
  const startup = hex('00000009 00030000 00')

  it('as a server refuses who does not ask for TLS, or lets him go on', () => {
    const turns = [{ peer: startup }, { us: '' }]
    assert.equal(fails(server, {}, turns).code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
    assert.equal(holds(server, {}, [{ peer: startup }], { tls: 'optional' }).kind, 'not-requested')
    const cancel = { peer: hex('00000010 04d2162e 00000001 00000002') }
    assert.equal(fails(server, {}, [cancel]).code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
    for (const peer of ['00000007 04d2162f', '00010000 00030000', '00000008 00020000', '00000009 04d2162f 00']) {
      assert.equal(fails(server, {}, [{ peer: hex(peer) }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('as a server takes TLS from the first byte', () => {
    const outcome = holds(server, {}, [{ peer: hex('16 0301 0005 0100000100') }])
    assert.equal(outcome.kind === 'go-ahead' && outcome.hasBegun, true)
  })
})

describe('a client of MySQL', () => {
  it('tells a server without TLS, one that is closed to us, and nonsense', () => {
    const outcome = holds(mysql, {}, [{ peer: mysqlGreeting(0xdffff7ff) }])
    assert.equal(outcome.kind, 'not-offered')
    assert.equal((outcome.learned as { nextSequenceID: number }).nextSequenceID, 1)
    const blocked = Buffer.concat([hex('14000000 ff 6904'), Buffer.from('Host is blocked..')])
    assert.equal(fails(mysql, {}, [{ peer: blocked }]).said, '1129 Host is blocked..')
    for (const peer of ['01000000 09', '00000000', '00200100 0a', '05000000 0a38000000']) {
      assert.equal(fails(mysql, {}, [{ peer: hex(peer) }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('says the capabilities that the program will repeat', () => {
    const turns = [{ peer: mysqlGreeting(0xffffffff) }, { us: hex(`20000001 01080000 00000001 ff ${'00'.repeat(23)}`) }]
    const outcome = holds(mysql, { clientCapabilities: 1, characterSet: 255 }, turns)
    assert.equal((outcome.learned as { clientCapabilities: number }).clientCapabilities, 0x801)
  })
})

describe('a client of TDS', () => {
  const asked = { us: /./ }
  const answer = (encryption: string): Turn => ({
    peer: hex(`04 01 001a 0000 01 00 00 000b 0006 01 0011 0001 ff 100010090000 ${encryption}`),
  })

  it('tells the choices of the server', () => {
    const required = holds(tds, {}, [asked, answer('03')])
    assert.deepEqual(required.learned, { serverVersion: '16.0.4105', isRequired: true })
    assert.equal(holds(tds, {}, [asked, answer('02')]).kind, 'not-offered')
    assert.match(fails(tds, {}, [asked, answer('00')]).message, /no more than the login/)
    assert.equal(fails(tds, {}, [asked, answer('07')]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    assert.equal(holds(tds, {}, [asked, answer('02')], { tls: 'declined' }).kind, 'declined')
  })

  it('tells what is no answer', () => {
    for (const peer of [
      '12 01 0009 0000 01 00 ff',
      '04 00 0009 0000 01 00 ff',
      '04 01 0007 0000 01 00',
      '04 01 0009 0000 01 00 ff',
      '04 01 000e 0000 01 00 01 0006 00ff ff',
      '04 01 000a 0000 01 00 01 00',
    ]) {
      assert.equal(fails(tds, {}, [asked, { peer: hex(peer) }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('carries TLS in packets, and takes it out of them however they are cut', () => {
    const outcome = holds(tds, {}, [asked, answer('01')])
    const framing = outcome.kind === 'go-ahead' ? outcome.framing : undefined
    assert.ok(framing !== undefined)
    const long = Buffer.alloc(5000, 'x')
    const wire = Buffer.from(framing.wrap(long))
    assert.equal(wire.length, 5000 + 2 * 8)
    assert.equal(wire.subarray(0, 4).toString('hex'), '12001000')
    assert.equal(wire.subarray(4096, 4100).toString('hex'), '12010398')
    // Behind the handshake, TLS comes as it is.
    const bare = Buffer.concat([Buffer.from([0x17]), Buffer.alloc(20, 0x12)])
    for (const size of [1, 7, 4000, 9000]) {
      const fresh = holds(tds, {}, [asked, answer('01')])
      const { unwrap } = (fresh.kind === 'go-ahead' && fresh.framing) || framing
      const all = Buffer.concat([wire, bare])
      const out: Uint8Array[] = []
      for (let at = 0; at < all.length; at += size) out.push(unwrap(all.subarray(at, at + size)))
      assert.ok(Buffer.concat(out).equals(Buffer.concat([long, bare])))
    }
    assert.throws(() => framing.unwrap(hex('04 01 0009 0000 01 00')), { code: 'ERR_TLS_STARTTLS_MALFORMED' })
  })

  it('says nothing where it begins with TLS', () => {
    const outcome = holds(tds, { encryption: 'strict' }, [{ us: '' }])
    assert.equal(outcome.kind === 'go-ahead' && outcome.innerProtocol, 'tds/8.0')
  })
})

describe('a client of AMQP', () => {
  it('tells what the broker would rather speak', () => {
    const asked = { us: /AMQP/ }
    const refused = fails(amqp, {}, [asked, { peer: hex('414d5150 03 01 00 00') }])
    assert.equal(refused.code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(refused.said, 'AMQP header: SASL 1.0.0')
    assert.match(refused.hint ?? '', /5671/)
    assert.equal(fails(amqp, {}, [asked, { peer: 'HTTP/1.1' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('a client of RDP', () => {
  const asked = { us: /./ }
  it('tells the choices of the server', () => {
    const chosen = (value: string): Turn => ({ peer: hex(`0300 0013 0e d0 0000 1234 00 02 00 0800 ${value}`) })
    assert.equal(holds(rdp, {}, [asked, chosen('01000000')]).kind, 'go-ahead')
    assert.equal(holds(rdp, {}, [asked, chosen('00000000')]).kind, 'not-offered')
    assert.equal(fails(rdp, {}, [asked, chosen('08000000')]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    const old = { peer: hex('0300 000b 06 d0 0000 1234 00') }
    assert.equal(holds(rdp, {}, [asked, old]).kind, 'not-offered')
    const failure = { peer: hex('0300 0013 0e d0 0000 1234 00 03 00 0800 05000000') }
    assert.equal(fails(rdp, { requestedProtocols: ['ssl'] }, [asked, failure]).said, 'HYBRID_REQUIRED_BY_SERVER')
  })

  it('tells what is no answer, and what cannot be asked', () => {
    for (const peer of ['0400 0013', '0300 0003', '0300 000b 07 d0 0000 1234 00', '0300 000b 06 e0 0000 1234 00']) {
      assert.equal(fails(rdp, {}, [asked, { peer: hex(peer) }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
    assert.throws(() => holds(rdp, { cookieUser: 'a\r\nb' }, [asked]), { field: 'dialogue.cookieUser' })
  })
})

describe('a proxy', () => {
  const target = { host: 'server.test', port: 443 }
  const request = { us: 'CONNECT server.test:443 HTTP/1.1\r\nHost: server.test:443\r\n\r\n' }

  it('of HTTP may refuse, and wants to know who we are', () => {
    const closed = fails(httpConnect, target, [request, { peer: 'HTTP/1.1 403 Forbidden\r\n\r\n' }])
    assert.equal(closed.said, 'HTTP/1.1 403 Forbidden')
    const who = { peer: 'HTTP/1.0 407 Who?\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n' }
    assert.match(fails(httpConnect, target, [request, who]).hint ?? '', /give credentials.*Basic realm="x"/)
    for (const peer of ['SSH-2.0\r\n', 'HTTP/2 200\r\n', 'HTTP/1.1 200\r\nno field\r\n\r\n', 'HTTP/1.1 2000\r\n']) {
      assert.equal(fails(httpConnect, target, [request, { peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('never gets to see more than the target, and nobody gets to see the password', () => {
    for (const host of ['a b', 'a\r\nX: y', 'a/b', '', 'user@host']) {
      assert.throws(() => holds(httpConnect, { host, port: 1 }, [request]), { field: 'dialogue.host' }, host)
    }
    for (const port of [0, 65536, 1.5]) {
      assert.throws(() => holds(socks5, { host: 'a', port }, [request]), { field: 'dialogue.port' })
    }
    for (const [username, password] of [
      ['a:b', 'c'],
      ['a', 'b\r\n'],
    ] as const) {
      const options = { ...target, credentials: { username, password } }
      assert.throws(() => holds(httpConnect, options, [request]), { field: 'dialogue.credentials' })
    }
    const said: string[] = []
    const options = { ...target, credentials: { username: 'alice', password: 'secret' } }
    const trace = (_from: string, text: string): void => void said.push(text)
    fails(httpConnect, options, [{ us: /Basic/ }, { peer: 'HTTP/1.1 407 no\r\n\r\n' }], { trace })
    fails(socks5, options, [{ us: /./ }, { peer: hex('0502') }, { us: /secret/ }, { peer: hex('0101') }], { trace })
    assert.ok(!said.join('\n').includes('secret'))
    assert.ok(!said.join('\n').includes(Buffer.from('alice:secret').toString('base64')))
  })

  it('may be followed by plain text where that is expected', () => {
    const answer = { peer: 'HTTP/1.1 200 ok\r\n\r\n220 mail.test\r\n' }
    assert.equal(holds(httpConnect, target, [request, answer], { plainTextFollows: true }).kind, 'go-ahead')
  })

  it('of SOCKS gets addresses as addresses, and names as names', () => {
    const ways = {
      '192.0.2.1': '01 c0000201',
      '2001:db8::1': '04 20010db8000000000000000000000001',
      '::ffff:192.0.2.1': '04 00000000000000000000ffffc0000201',
      '1:2:3:4:5:6:7:8': '04 00010002000300040005000600070008',
      '256.1.1.1': `03 09 ${Buffer.from('256.1.1.1').toString('hex')}`,
      '1::2::3': `03 07 ${Buffer.from('1::2::3').toString('hex')}`,
    }
    for (const [host, address] of Object.entries(ways)) {
      holds(socks5, { host, port: 256 }, [
        { us: hex('05 01 00') },
        { peer: hex('05 00') },
        { us: hex(`05 01 00 ${address} 0100`) },
        { peer: hex('05 00 00 03 01 61 0000') },
      ])
    }
  })

  it('of SOCKS may refuse', () => {
    const asked = [{ us: hex('05 01 00') }]
    assert.match(fails(socks5, target, [...asked, { peer: hex('05ff') }]).hint ?? '', /give credentials/)
    assert.equal(fails(socks5, target, [...asked, { peer: hex('0502') }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    assert.equal(fails(socks5, target, [...asked, { peer: hex('0400') }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    const connecting = [...asked, { peer: hex('0500') }, { us: /server\.test/ }]
    assert.equal(fails(socks5, target, [...connecting, { peer: hex('05050001') }]).said, 'connection refused')
    assert.equal(fails(socks5, target, [...connecting, { peer: hex('05000007') }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})
