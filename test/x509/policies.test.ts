import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeElement, encodeObjectIdentifier, encodeSequence } from '#polytls/codec/der-writer.js'
import { findPolicyFault, type PolicyStep } from '#polytls/x509/policy-tree.js'
import { WorkBudget } from '#polytls/x509/work-budget.js'
import { extension } from './make-certificate.ts'
import { Authority, refused, verify } from './verify.ts'

const ANY = '2.5.29.32.0'
const step = (changes: Partial<PolicyStep>): PolicyStep => ({
  certificatePolicies: undefined,
  policyMappings: [],
  policyConstraints: undefined,
  inhibitAnyPolicy: undefined,
  selfIssued: false,
  ...changes,
})
const require = (count: number) => ({
  policyConstraints: { requireExplicitPolicy: count, inhibitPolicyMapping: undefined },
})
const fault = (...steps: Partial<PolicyStep>[]) => findPolicyFault(steps.map(step), new WorkBudget())

test('policies matter only where one is required', () => {
  assert.equal(fault({}, {}), undefined)
  assert.equal(fault({ certificatePolicies: ['1.1'] }, { certificatePolicies: ['1.2'] }), undefined)
  assert.equal(fault({ certificatePolicies: ['1.1'], ...require(0) }, { certificatePolicies: ['1.1'] }), undefined)
  assert.equal(fault({ certificatePolicies: ['1.1'], ...require(0) }, { certificatePolicies: ['1.2'] }), 1)
  assert.equal(fault({ certificatePolicies: ['1.1'], ...require(0) }, {}), 1)
  assert.equal(fault({ certificatePolicies: [ANY], ...require(0) }, { certificatePolicies: ['1.2'] }), undefined)
  assert.equal(fault({ ...require(1) }, {}), 1)
  assert.equal(fault({ ...require(2) }, {}), undefined)
  assert.equal(fault({}, { ...require(0) }), 1)
})

test('anyPolicy stops counting where it is inhibited, except of self-issued authorities', () => {
  const first = { certificatePolicies: ['1.1'], ...require(0) }
  const any = { certificatePolicies: [ANY] }
  assert.equal(fault(first, any, { certificatePolicies: ['1.1'] }), undefined)
  assert.equal(fault({ ...first, inhibitAnyPolicy: 0 }, any, { certificatePolicies: ['1.1'] }), 1)
  assert.equal(
    fault({ ...first, inhibitAnyPolicy: 0 }, { ...any, selfIssued: true }, { certificatePolicies: ['1.1'] }),
    undefined,
  )
  assert.equal(fault({ ...first, inhibitAnyPolicy: 1 }, any, any), 2)
})

test('policies are mapped unless that is inhibited, and anyPolicy never is', () => {
  const mapping = (from: string, to: string) => ({ policyMappings: [{ issuerDomain: from, subjectDomain: to }] })
  const first = { certificatePolicies: ['1.1'], ...require(0) }
  assert.equal(fault({ ...first, ...mapping('1.1', '2.1') }, { certificatePolicies: ['2.1'] }), undefined)
  assert.equal(fault({ ...first, ...mapping('1.1', '2.1') }, { certificatePolicies: ['1.1'] }), 1)
  assert.equal(
    fault({ ...first, certificatePolicies: [ANY], ...mapping('1.1', '2.1') }, { certificatePolicies: ['2.1'] }),
    undefined,
  )
  assert.equal(fault({ ...first, ...mapping(ANY, '2.1') }, { certificatePolicies: ['2.1'] }), 0)
  const inhibited = { policyConstraints: { requireExplicitPolicy: 0, inhibitPolicyMapping: 0 } }
  const chain = [
    { certificatePolicies: ['1.1'], ...inhibited },
    { certificatePolicies: ['1.1'], ...mapping('1.1', '2.1') },
  ]
  assert.equal(fault(...chain, { certificatePolicies: ['2.1'] }), 2)
})

test('a path that lacks a required policy is refused', () => {
  const root = new Authority('CN=Root')
  const middle = new Authority('CN=Intermediate')
  const policies = (...oids: string[]) =>
    extension('2.5.29.32', encodeSequence(...oids.map((oid) => encodeSequence(encodeObjectIdentifier(oid)))))
  const explicit = extension('2.5.29.36', encodeSequence(encodeElement(0x80, Uint8Array.of(0))), true)
  const intermediate = root.certify(middle, { extensions: [policies('1.2.3'), explicit] })
  verify([middle.issue('a.example', { extensions: [policies('1.2.3')] }), intermediate], [root.root()])
  refused('other', 0, [middle.issue('a.example', { extensions: [policies('1.2.4')] }), intermediate], [root.root()])
})
