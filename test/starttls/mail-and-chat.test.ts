import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clientDialogues, serverDialogues } from 'polytls'
import { fails, holds } from './transcript.ts'

const { imap, pop3, nntp, managesieve, irc, 'xmpp-client': xmpp } = clientDialogues

describe('a client of IMAP', () => {
  it('does not ask for what a greeting has told', () => {
    const turns = [{ peer: '* OK [CAPABILITY IMAP4rev2 STARTTLS] hello\r\n' }, { us: 'a2 STARTTLS\r\n' }]
    assert.equal(holds(imap, {}, [...turns, { peer: 'a2 ok go\r\n' }]).kind, 'go-ahead')
    const refused = holds(imap, {}, [...turns, { peer: 'a2 NO not now\r\n' }])
    assert.equal(refused.kind === 'refused' && refused.said, 'a2 NO not now')
    assert.equal(holds(imap, {}, [...turns, { peer: 'a2 BAD what\r\n' }]).kind, 'refused')
  })

  it('goes nowhere from PREAUTH: STARTTLS is not allowed there, which somebody on the way can bring about', () => {
    const outcome = holds(imap, {}, [{ peer: '* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome\r\n' }])
    assert.equal(outcome.kind, 'not-offered')
    assert.match(outcome.kind === 'not-offered' ? outcome.message : '', /PREAUTH/)
  })

  it('tells a server that offers nothing, says goodbye, or answers somebody else', () => {
    const asked = [{ peer: '* OK hello\r\n' }, { us: 'a1 CAPABILITY\r\n' }]
    assert.equal(holds(imap, {}, [...asked, { peer: '* CAPABILITY IMAP4rev1\r\na1 OK\r\n' }]).kind, 'not-offered')
    assert.equal(holds(imap, {}, [...asked, { peer: 'a1 BAD what?\r\n' }]).kind, 'not-offered')
    assert.equal(fails(imap, {}, [{ peer: '* BYE too busy\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(imap, {}, [...asked, { peer: '* BYE timeout\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    for (const peer of ['a2 OK\r\n', 'a1 MAYBE\r\n', '+ go on\r\n', '{5}\r\n']) {
      assert.equal(fails(imap, {}, [...asked, { peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
    assert.equal(fails(imap, {}, [{ peer: '+OK POP3\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('a server of IMAP', () => {
  const server = serverDialogues.imap

  it('keeps passwords from whoever sends them before TLS, and from whoever reads along', () => {
    const said: string[] = []
    const turns = [
      { us: /STARTTLS LOGINDISABLED/ },
      { peer: 'x LOGIN alice secret\r\n' },
      { us: 'x NO [PRIVACYREQUIRED] STARTTLS comes first\r\n' },
      { peer: 'no tag here\r\n' },
      { us: 'no NO [PRIVACYREQUIRED] STARTTLS comes first\r\n' },
      { peer: '*\r\n' },
      { us: '* BAD a command has a tag\r\n' },
      { peer: 'y NOOP\r\n' },
      { us: 'y OK done\r\n' },
      { peer: 'z STARTTLS please\r\n' },
      { us: 'z BAD no parameters allowed\r\n' },
      { peer: 'z LOGOUT\r\n' },
    ]
    const { code } = fails(server, {}, turns, { trace: (_from, text) => said.push(text) })
    assert.equal(code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
    assert.ok(said.includes('x LOGIN …'))
    assert.ok(!said.some((text) => text.includes('secret')))
  })

  it('lets a client go on where that is allowed, without repeating what it said', () => {
    const turns = [{ us: /STARTTLS\] ready/ }, { peer: 'x LOGIN alice secret\r\n' }]
    const outcome = holds(server, {}, turns, { tls: 'optional' })
    assert.equal(outcome.kind, 'not-requested')
    assert.ok(!JSON.stringify(outcome).includes('secret'))
  })
})

describe('a client of POP3', () => {
  it('tries STLS with a server that knows no CAPA', () => {
    const turns = [{ peer: '+OK\r\n' }, { us: 'CAPA\r\n' }, { peer: '-ERR unknown\r\n' }, { us: 'STLS\r\n' }]
    assert.equal(holds(pop3, {}, [...turns, { peer: '+OK go\r\n' }]).kind, 'go-ahead')
    assert.equal(holds(pop3, {}, [...turns, { peer: '-ERR unknown\r\n' }]).kind, 'refused')
    assert.equal(fails(pop3, {}, [...turns, { peer: 'OK\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })

  it('believes the list where there is one', () => {
    const turns = [{ peer: '+OK\r\n' }, { us: 'CAPA\r\n' }, { peer: '+OK\r\nUSER\r\n.\r\n' }]
    assert.equal(holds(pop3, {}, turns).kind, 'not-offered')
    assert.equal(fails(pop3, {}, [{ peer: '-ERR busy\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(pop3, {}, [{ peer: '220 smtp\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('a client of NNTP', () => {
  it('tells each of the refusals', () => {
    const greeted = [{ peer: '201 no posting\r\n' }, { us: 'CAPABILITIES\r\n' }]
    assert.equal(holds(nntp, {}, [...greeted, { peer: '101 list\r\nREADER\r\n.\r\n' }]).kind, 'not-offered')
    const old = [...greeted, { peer: '500 what\r\n' }, { us: 'STARTTLS\r\n' }]
    assert.equal(holds(nntp, {}, [...old, { peer: '580 can not\r\n' }]).kind, 'refused')
    assert.equal(holds(nntp, {}, [...old, { peer: '382 go\r\n' }]).kind, 'go-ahead')
    assert.equal(fails(nntp, {}, [{ peer: '400 down\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(nntp, {}, [{ peer: 'hello\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('a client of ManageSieve', () => {
  it('tells each of the refusals', () => {
    const list = '"SIEVE" "fileinto"\r\n'
    assert.equal(holds(managesieve, {}, [{ peer: `${list}OK\r\n` }]).kind, 'not-offered')
    const asked = [{ peer: `"STARTTLS"\r\nOK\r\n` }, { us: 'STARTTLS\r\n' }]
    assert.equal(holds(managesieve, {}, [...asked, { peer: 'NO "no"\r\n' }]).kind, 'refused')
    assert.equal(fails(managesieve, {}, [...asked, { peer: 'BYE\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(managesieve, {}, [{ peer: 'BYE "busy"\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    for (const peer of ['"open\r\n', 'word\r\n', '\r\n', '"a" b\r\n']) {
      assert.equal(fails(managesieve, {}, [{ peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })
})

describe('a client of IRC', () => {
  const asked = [{ us: 'CAP LS 302\r\n' }]
  it('tries STARTTLS with a server that knows no capabilities', () => {
    const old = [...asked, { peer: ':irc.test 421 * CAP :Unknown command\r\n' }, { us: 'STARTTLS\r\n' }]
    assert.equal(holds(irc, {}, [...old, { peer: ':irc.test 670 * :go\r\n' }]).kind, 'go-ahead')
    assert.equal(holds(irc, {}, [...old, { peer: ':irc.test 691 * :no\r\n' }]).kind, 'refused')
    assert.equal(holds(irc, {}, [...old, { peer: ':irc.test 451 * :register\r\n' }]).kind, 'not-offered')
  })

  it('believes the list where there is one', () => {
    assert.equal(holds(irc, {}, [...asked, { peer: 'CAP * LS :starttls tlsx sasl\r\n' }]).kind, 'not-offered')
    assert.equal(fails(irc, {}, [...asked, { peer: 'ERROR :closing link\r\n' }]).code, 'ERR_TLS_STARTTLS_REFUSED')
    assert.equal(fails(irc, {}, [...asked, { peer: '!!\r\n' }]).code, 'ERR_TLS_STARTTLS_MALFORMED')
  })
})

describe('XMPP', () => {
  const stream = 'http://etherx.jabber.org/streams'
  const tls = 'urn:ietf:params:xml:ns:xmpp-tls'
  const options = { domain: 'example.test' }
  const header = (rest: string): string => `<stream:stream xmlns:stream='${stream}' id='1' ${rest}>`
  const features = (inner: string): string => `${header("version='1.0'")}<stream:features>${inner}</stream:features>`
  const hello = { us: /^<\?xml/ }

  it('takes the name of the server for the domain, and needs one', () => {
    holds(xmpp, {}, [{ us: /to='other.test'/ }, { peer: features('') }], { serverName: 'other.test' })
    assert.throws(() => holds(xmpp, {}, [hello]), { field: 'dialogue.domain' })
    assert.throws(() => holds(xmpp, { domain: "a' b" }, [hello]), { field: 'dialogue.domain' })
  })

  it('tells a server of before 1.0, and one that does not offer TLS', () => {
    assert.equal(holds(xmpp, options, [hello, { peer: header('') }]).kind, 'not-offered')
    for (const inner of ['', "<mechanisms xmlns='x'/>", "<starttls xmlns='other'/>", '<a><starttls/></a>']) {
      assert.equal(holds(xmpp, options, [hello, { peer: features(inner) }]).kind, 'not-offered', inner)
    }
    const empty = `${header("version='1.0'")}<stream:features/>`
    assert.equal(holds(xmpp, options, [hello, { peer: empty }]).kind, 'not-offered')
  })

  it('tells the refusals of a server', () => {
    const asked = [hello, { peer: features(`<starttls xmlns='${tls}'/>`) }, { us: /starttls/ }]
    const refused = fails(xmpp, options, [...asked, { peer: `<failure xmlns='${tls}'/>` }])
    assert.equal(refused.code, 'ERR_TLS_STARTTLS_REFUSED')
    const error = `${header("version='1.0'")}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`
    assert.equal(fails(xmpp, options, [hello, { peer: error }]).said, 'host-unknown')
    for (const peer of [`<proceed/>`, `<proceed xmlns='other'/>`, `</proceed xmlns='${tls}'>`, '<x/>']) {
      assert.equal(fails(xmpp, options, [...asked, { peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  it('reads no more XML than streams are made of', () => {
    for (const peer of [
      '<!DOCTYPE a [<!ENTITY b "c">]>',
      '<!-- x -->',
      '<?php x?>',
      "<stream:stream xmlns:stream='wrong' version='1.0'>",
      '<a b=c>',
      '<a b="<">',
      '< a>',
      '<>',
      '</a/>',
      '<html>',
    ]) {
      assert.equal(fails(xmpp, options, [hello, { peer }]).code, 'ERR_TLS_STARTTLS_MALFORMED', peer)
    }
  })

  const server = serverDialogues['xmpp-client']
  const served = { domains: ['example.test'] }
  const opening = `<stream:stream xmlns='jabber:client' xmlns:stream='${stream}' to='example.test' version='1.0'>`

  it('as a server refuses what it does not serve', () => {
    const other = { peer: opening.replace('example', 'other') }
    assert.match(fails(server, served, [other]).message, /"other.test", which is not served/)
    const wrong = { peer: opening.replace('jabber:client', 'jabber:server') }
    assert.equal(fails(server, served, [wrong]).code, 'ERR_TLS_STARTTLS_MALFORMED')
    for (const peer of ['<auth/>', '</stream:stream>']) {
      const { code } = fails(server, served, [{ peer: opening }, { us: /required/ }, { peer }])
      assert.equal(code, 'ERR_TLS_STARTTLS_NOT_REQUESTED')
    }
  })

  it('as a server lets a client go on where that is allowed, on a stream that nobody can guess', () => {
    const turns = [{ peer: opening }, { us: /id='f00d'.*<starttls[^>]*><\/starttls>/ }, { peer: '<auth/>' }]
    const outcome = holds(server, { ...served, streamID: 'f00d' }, turns, { tls: 'optional' })
    assert.equal(outcome.kind, 'not-requested')
    assert.throws(() => holds(server, served, turns, { tls: 'optional' }), { field: 'dialogue.streamID' })
  })
})
