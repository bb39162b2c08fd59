import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VerifiedCertificates } from '#polytls/x509/verified-certificates.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import { makeKey } from './make-certificate.ts'
import { Authority, refused, verify } from './verify.ts'

const root = new Authority('CN=Root')
const middle = new Authority('CN=Intermediate')
const chain = [middle.issue('host.example', { notAfter: '2026-01-01' }), root.certify(middle)]
const roots = [root.root()]

test('signatures that were right need not be checked again; everything else is', () => {
  const remembered = new VerifiedCertificates()
  const checksOf = (certificates: readonly Uint8Array[]) => {
    const budget = new WorkBudget()
    verify(certificates, roots, { remembered, budget })
    return budget.spent.signatureChecks
  }
  assert.equal(checksOf(chain), 2)
  assert.equal(checksOf(chain.map((der) => Uint8Array.from(der))), 0)
  assert.equal(checksOf([middle.issue('other.example'), chain[1] as Uint8Array]), 1)
  refused('expired', 0, chain, roots, { remembered, timeMilliseconds: Date.parse('2026-01-02') })
  refused('wrong-host', 0, chain, roots, { remembered, serverName: 'other.example' })
  refused('unknown-issuer', 1, chain, [new Authority('CN=Else').root()], { remembered })
  refused('bad-signature', 1, chain, [new Authority(root.name).root()], { remembered })
})

test('what is remembered does not change with the memory that it came in', () => {
  const remembered = new VerifiedCertificates()
  const received = chain.map((der) => Buffer.from(der))
  verify(received, roots, { remembered })
  for (const der of received) der.fill(0)
  const budget = new WorkBudget()
  verify(chain, roots, { remembered, budget })
  assert.equal(budget.spent.signatureChecks, 0)
})

test('what was not verified is not remembered, and the oldest is forgotten', () => {
  const remembered = new VerifiedCertificates(2)
  refused('bad-signature', 0, [root.issue('host.example', { signer: makeKey() })], roots, { remembered })
  refused('wrong-host', 0, chain, roots, { remembered, serverName: 'other.example' })
  assert.equal(remembered.find(chain[0] as Uint8Array), undefined)
  verify(chain, roots, { remembered })
  assert.ok(remembered.find(chain[0] as Uint8Array))
  verify([root.issue('host.example')], roots, { remembered })
  assert.equal(remembered.find(chain[0] as Uint8Array), undefined)
  assert.ok(remembered.find(chain[1] as Uint8Array))
})

test('a certificate with the same end but other bytes is another one', () => {
  const remembered = new VerifiedCertificates()
  verify(chain, roots, { remembered })
  const altered = Uint8Array.from(chain[0] as Uint8Array)
  altered[40] = (altered[40] as number) ^ 1
  assert.equal(remembered.find(altered), undefined)
})
