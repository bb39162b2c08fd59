import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import { dns, makeKey, nameConstraints } from './make-certificate.ts'
import { Authority, refused, verify, workOf } from './verify.ts'

const root = new Authority('CN=Root')
const keys = Array.from({ length: 30 }, () => makeKey())

test('an honest chain costs a signature and a step for each certificate', () => {
  const middle = new Authority('CN=Intermediate')
  const spent = workOf([middle.issue('a.example'), root.certify(middle)], [root.root()])
  assert.deepEqual(spent, { signatureChecks: 2, pathSteps: 2, nameComparisons: 0, policySteps: 0 })
})

test('certificates whose names lead to no anchor cost nothing', () => {
  const authorities = keys.map((key, i) => new Authority(`CN=CA ${i % 2}`, key))
  const chain = authorities.flatMap((issuer) => authorities.slice(0, 3).map((subject) => issuer.certify(subject)))
  const spent = workOf([(authorities[0] as Authority).issue('a.example'), ...chain], [root.root()])
  assert.equal(spent.signatureChecks, 0)
  assert.ok(spent.pathSteps <= 2 * chain.length, String(spent.pathSteps))
})

test('every authority with the same name and key is one and the same', () => {
  const authority = new Authority('CN=CA')
  const copies = keys.map((_, i) => authority.root({ serial: i + 1 }))
  const entry = new Authority(root.name).certify(authority)
  const spent = workOf([authority.issue('a.example'), ...copies, entry], [root.root()])
  assert.ok(spent.signatureChecks <= 2, String(spent.signatureChecks))
  assert.ok(spent.pathSteps <= 1000, String(spent.pathSteps))
})

test('many authorities with the same name and other keys end at the limit of signatures', () => {
  const authorities = keys.map((key) => new Authority('CN=CA', key))
  const circle = authorities.map((issuer, i) => issuer.certify(authorities[(i + 1) % keys.length] as Authority))
  const impostor = new Authority(root.name).certify(authorities[3] as Authority)
  const chain = [(authorities[0] as Authority).issue('a.example'), ...circle, impostor]
  const spent = workOf(chain, [root.root()])
  assert.equal(spent.signatureChecks, 101)
  refused('chain-too-complex', 0, chain, [root.root()])
})

test('a full mesh of cross-signatures that leads nowhere ends at a limit', () => {
  const authorities = keys.slice(0, 9).map((key, i) => new Authority(`CN=CA ${i}`, key))
  const mesh = authorities.flatMap((issuer) =>
    authorities.filter((subject) => subject !== issuer).map((subject) => issuer.certify(subject)),
  )
  const impostors = authorities.map((subject) => new Authority(root.name).certify(subject))
  const chain = [(authorities[0] as Authority).issue('a.example'), ...mesh, ...impostors]
  const spent = workOf(chain, [root.root()])
  assert.ok(spent.signatureChecks <= 101 && spent.pathSteps <= 5001, JSON.stringify(spent))
  refused('chain-too-complex', 0, chain, [root.root()])
  assert.equal(
    verify([...chain, root.certify(authorities[5] as Authority)], [root.root()]).anchor.subject.toString(),
    'CN=Root',
  )
})

test('name constraints times names has a limit, and what is below it passes', () => {
  const bomb = (names: number, constraints: number) => {
    const middle = new Authority('CN=Intermediate')
    const list = Array.from({ length: constraints }, (_, i) => dns(`x${i}.test`))
    const leaf = middle.issue(Array.from({ length: names }, (_, i) => `n${i}.test`))
    return [leaf, root.certify(middle, { extensions: [nameConstraints([], list)] })]
  }
  assert.equal(workOf(bomb(400, 500), [root.root()]).nameComparisons, 200_000)
  verify(bomb(400, 500), [root.root()])
  refused('chain-too-complex', 0, bomb(2048, 2048), [root.root()])
  assert.ok(workOf(bomb(2048, 2048), [root.root()]).nameComparisons <= 250_000 + 2048)
})

test('the same bomb on many paths counts as one', () => {
  const middle = new Authority('CN=Intermediate')
  const constraints = nameConstraints(
    [],
    Array.from({ length: 300 }, (_, i) => dns(`x${i}.test`)),
  )
  const copies = keys.map((_, i) =>
    root.certify(middle, { serial: i + 1, extensions: [constraints], signer: makeKey() }),
  )
  const leaf = middle.issue(Array.from({ length: 300 }, (_, i) => `n${i}.test`))
  const spent = workOf([leaf, ...copies], [root.root()])
  assert.ok(spent.nameComparisons <= 250_000 + 300, String(spent.nameComparisons))
})

test('a path has at most 32 certificates, self-issued ones included', () => {
  const authorities = [...keys, ...keys.slice(0, 10).map(() => makeKey())].map((key) => new Authority('CN=CA', key))
  const chain = authorities.slice(1).map((issuer, i) => issuer.certify(authorities[i] as Authority))
  const top = authorities[authorities.length - 1] as Authority
  const budget = new WorkBudget({ signatureChecks: 10_000, pathSteps: 100_000 })
  assert.throws(() => verify([(authorities[0] as Authority).issue('a.example'), ...chain], [top.root()], { budget }), {
    reason: 'path-too-long',
  })
})

test('limits can be lowered', () => {
  const middle = new Authority('CN=Intermediate')
  const chain = [middle.issue('a.example'), root.certify(middle)]
  refused('chain-too-complex', 0, chain, [root.root()], { budget: new WorkBudget({ signatureChecks: 1 }) })
  verify(chain, [root.root()], { budget: new WorkBudget({ signatureChecks: 2, pathSteps: 2 }) })
})
