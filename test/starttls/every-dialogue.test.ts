import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Conversation, clientDialogues, StartTLSError, serverDialogues } from 'polytls'
import { read } from '../docs/repository.ts'
import { bytesOf, endsEarlyEverywhere, fails, holds, survivesNonsense } from './transcript.ts'
import { transcripts } from './transcripts.ts'

describe('every dialogue', () => {
  it('has a transcript here', () => {
    const known = Object.values(transcripts).map(({ dialogue }) => dialogue)
    for (const dialogue of [...Object.values(clientDialogues), ...Object.values(serverDialogues)]) {
      assert.ok(known.includes(dialogue), `${dialogue.protocol} ${dialogue.role}`)
    }
    for (const [name, { dialogue }] of Object.entries(transcripts)) {
      assert.match(name, new RegExp(dialogue.role))
      assert.ok(dialogue.specification.length > 0)
    }
  })

  it('is in the table of the documentation, with its ports and its specification', () => {
    const rows = new Map(
      [
        ...read('docs/starttls.md').matchAll(/^\| `([a-z0-9-]+)` \| (yes|–) \| (yes|–) \| ([0-9, ]+) \| (.*?) \|/gm),
      ].map(
        ([, name, client, server, ports, specification]) => [name, { client, server, ports, specification }] as const,
      ),
    )
    for (const { protocol, role, ports, specification } of Object.values(clientDialogues)) {
      const server = protocol in serverDialogues ? 'yes' : '–'
      assert.deepEqual(rows.get(protocol), { [role]: 'yes', server, ports: ports.join(', '), specification }, protocol)
    }
    assert.equal(rows.size, Object.keys(clientDialogues).length)
  })

  it('goes by the name that its errors have', () => {
    for (const [name, { protocol }] of Object.entries(clientDialogues)) assert.equal(name, protocol)
    for (const [name, { protocol }] of Object.entries(serverDialogues)) assert.equal(name, protocol)
  })
})

for (const [name, { dialogue, options: given, turns, learned }] of Object.entries(transcripts)) {
  // The table does not keep dialogue and options together as types.
  const options = given as never

  describe(name, () => {
    it('holds its conversation however what it hears is cut, and learns from it', () => {
      const outcome = holds(dialogue, options, turns)
      assert.equal(outcome.kind, 'go-ahead')
      assert.deepEqual(outcome.learned, learned)
    })

    if (dialogue.role === 'client') itDeclines()
    else itGivesNoGoAhead()

    function itDeclines(): void {
      it('does not come to TLS where the program does not want it', () => {
        const conversation = new Conversation(dialogue, options, { tls: 'declined' })
        try {
          for (const turn of turns) {
            if (conversation.outcome !== undefined) break
            if ('peer' in turn) conversation.receive(bytesOf(turn.peer))
          }
        } catch (error) {
          assert.ok(error instanceof StartTLSError)
        }
        // Through a proxy, everything may go.
        if (['http-connect', 'socks5'].includes(dialogue.protocol)) return
        assert.notEqual(conversation.outcome?.kind, 'go-ahead')
      })
    }

    it('takes nothing in plain text behind the go-ahead', () => {
      const last = turns.findLastIndex((turn) => 'peer' in turn)
      const said = turns[last] as { readonly peer: string | Uint8Array }
      for (const injected of ['X', '\r\n', '\x16\x03\x01\x00\x05', '\0']) {
        const both = Buffer.concat([bytesOf(said.peer), Buffer.from(injected, 'latin1')])
        const { code } = fails(dialogue, options, [...turns.slice(0, last), { peer: both }, { us: '' }])
        assert.equal(code, 'ERR_TLS_STARTTLS_INJECTION')
      }
    })

    function itGivesNoGoAhead(): void {
      it('gives no go-ahead to who sends more with its request', () => {
        const last = turns.findLastIndex((turn) => 'peer' in turn)
        const said = turns[last] as { readonly peer: string | Uint8Array }
        const conversation = new Conversation(dialogue, options)
        for (const turn of turns.slice(0, last)) if ('peer' in turn) conversation.receive(bytesOf(turn.peer))
        conversation.takeOutgoing()
        const both = Buffer.concat([bytesOf(said.peer), Buffer.from('X')])
        assert.throws(() => conversation.receive(both), { code: 'ERR_TLS_STARTTLS_INJECTION' })
        assert.equal(conversation.takeOutgoing().length, 0)
      })
    }

    it('tells an end of the connection, wherever it comes', () => endsEarlyEverywhere(dialogue, options, turns))

    it('ends in an outcome or an error of ours with any nonsense', () => {
      const { errors } = survivesNonsense(dialogue, options, turns)
      assert.ok(errors > 0)
    })

    it('does not listen for ever', () => {
      for (const endless of ['x'.repeat(1000), 'x\r\n'.repeat(300), '\0'.repeat(1000), '<a>'.repeat(300)]) {
        const conversation = new Conversation(dialogue, options)
        let received = 0
        assert.throws(() => {
          for (; conversation.outcome === undefined; received += endless.length) {
            assert.ok(received < 200_000, 'still listening')
            conversation.receive(Buffer.from(endless))
          }
          throw new Error('an outcome')
        }, StartTLSError)
      }
    })
  })
}
