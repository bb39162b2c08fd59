import { contextTag, type DerReader } from '../codec/der.ts'
import type { DistinguishedName } from './distinguished-name.ts'
import { isBelowDomain, isDomainName, isWithinDomain, parsePresentedDomain } from './domain-name.ts'
import { decodeGeneralName, type GeneralName, type NameForm } from './general-name.ts'
import { formatIpAddress } from './ip-address.ts'
import { type Mailbox, parseMailbox, parseUriHost } from './mailbox.ts'
import type { WorkBudget } from './work-budget.ts'

/** RFC 5280, Section 4.2.1.10, sorted by the form of name that a subtree speaks of. */
export interface NameConstraints {
  readonly permitted: Subtrees
  readonly excluded: Subtrees
}
type Subtrees = { readonly [F in NameForm]?: readonly Subtree[] }

type Subtree =
  | { readonly form: 'dns' | 'uri'; readonly domain: DomainSubtree }
  | { readonly form: 'email'; readonly mailbox: Mailbox | undefined; readonly domain: DomainSubtree }
  | { readonly form: 'ip'; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly form: 'directory'; readonly name: DistinguishedName }
  | { readonly form: 'other'; readonly type: string }
  | { readonly form: 'x400' | 'edi' | 'registered-id' }
interface DomainSubtree {
  readonly base: string
  /** What it covers besides names below the base: the base itself, or not. */
  readonly includesBase: boolean
  /** Whether names below the base are covered. */
  readonly includesBelow: boolean
  readonly leadingDot: boolean
}

export function decodeNameConstraints(reader: DerReader): NameConstraints {
  const sequence = reader.sequence()
  const permitted = decodeSubtrees(sequence, 0, 'permittedSubtrees')
  const excluded = decodeSubtrees(sequence, 1, 'excludedSubtrees')
  sequence.end()
  if (permitted === undefined && excluded === undefined) throw reader.fault('neither permitted nor excluded subtrees')
  return { permitted: permitted ?? {}, excluded: excluded ?? {} }
}

/**
 * The names of a certificate that constraints apply to: all alternative names; the subject, if it is not empty; and, where there are no
 * alternative names at all, the e-mail addresses in the subject.
 */
export function collectConstrainedNames(
  subject: DistinguishedName,
  alternativeNames: readonly GeneralName[] | undefined,
): GeneralName[] {
  const names: GeneralName[] = [...(alternativeNames ?? [])]
  if (!subject.isEmpty) names.push({ form: 'directory', name: subject })
  if (alternativeNames === undefined) {
    for (const value of subject.values('1.2.840.113549.1.9.1')) names.push({ form: 'email', value })
  }
  return names
}

/**
 * The first name that breaks the constraints, in words, or `undefined`. Excluded subtrees win over permitted ones; a form of name without
 * permitted subtrees is not restricted by others' subtrees. A name of a constrained form that cannot be understood breaks them.
 */
export function findConstraintViolation(
  constraints: NameConstraints,
  names: readonly GeneralName[],
  budget: WorkBudget,
): string | undefined {
  for (const name of names) {
    const permitted = constraints.permitted[name.form] ?? []
    const excluded = constraints.excluded[name.form] ?? []
    if (name.form === 'other' && name.type === SMTP_UTF8_MAILBOX && constrains(constraints, 'email')) {
      return 'an internationalised mail address, where mail addresses are constrained'
    }
    if (permitted.length + excluded.length === 0) continue
    budget.spend('nameComparisons', permitted.length + excluded.length)
    const matcher = matcherOf(name)
    if (matcher === undefined) return `${describeName(name)}, which cannot be compared`
    if (excluded.some((subtree) => matcher(subtree, 'excluded'))) return `${describeName(name)} is excluded`
    if (permitted.length > 0 && !permitted.some((subtree) => matcher(subtree, 'permitted'))) {
      if (
        name.form === 'other' &&
        !permitted.some((subtree) => subtree.form === 'other' && subtree.type === name.type)
      ) {
        continue
      }
      return `${describeName(name)} is not within what is permitted`
    }
  }
  return undefined
}

/** Whether a DNS subtree is written with a leading dot, which RFC 5280 does not have for this form. */
export function hasLeadingDot(constraints: NameConstraints): boolean {
  return [...(constraints.permitted.dns ?? []), ...(constraints.excluded.dns ?? [])].some(
    (subtree) => subtree.form === 'dns' && subtree.domain.leadingDot,
  )
}

function constrains({ permitted, excluded }: NameConstraints, form: NameForm): boolean {
  return permitted[form] !== undefined || excluded[form] !== undefined
}

/**
 * Compares one name with many subtrees of its own form. For a wildcard, `excluded` asks whether any name that it stands for lies in the
 * subtree, `permitted` whether all of them do.
 */
type Matcher = (subtree: Subtree, kind: 'permitted' | 'excluded') => boolean

function matcherOf(name: GeneralName): Matcher | undefined {
  switch (name.form) {
    case 'dns': {
      const presented = parsePresentedDomain(name.value)
      if (presented === undefined) return undefined
      const { domain, wildcard } = presented
      if (!wildcard) return (subtree) => subtree.form === 'dns' && covers(subtree.domain, domain)
      return (subtree, kind) =>
        subtree.form === 'dns' &&
        (isWithinDomain(domain, subtree.domain.base) ||
          (kind === 'excluded' && subtree.domain.includesBase && isOneLabelBelow(subtree.domain.base, domain)))
    }
    case 'email': {
      const mailbox = parseMailbox(name.value)
      if (mailbox === undefined) return undefined
      return (subtree) =>
        subtree.form === 'email' &&
        (subtree.mailbox === undefined
          ? covers(subtree.domain, mailbox.domain)
          : subtree.mailbox.local === mailbox.local && subtree.mailbox.domain === mailbox.domain)
    }
    case 'uri': {
      const host = parseUriHost(name.value)
      return host === undefined ? undefined : (subtree) => subtree.form === 'uri' && covers(subtree.domain, host)
    }
    case 'ip':
      return (subtree) => subtree.form === 'ip' && isInNetwork(name.bytes, subtree.address, subtree.mask)
    case 'directory':
      return (subtree) => subtree.form === 'directory' && name.name.isWithin(subtree.name)
    case 'other':
      return (subtree, kind) => kind === 'excluded' && subtree.form === 'other' && subtree.type === name.type
    default:
      return undefined
  }
}

function covers({ base, includesBase, includesBelow }: DomainSubtree, domain: string): boolean {
  return (includesBase && domain === base) || (includesBelow && isBelowDomain(domain, base))
}

function isOneLabelBelow(domain: string, base: string): boolean {
  return isBelowDomain(domain, base) && domain.indexOf('.') === domain.length - base.length - 1
}

function isInNetwork(ip: Uint8Array, address: Uint8Array, mask: Uint8Array): boolean {
  return ip.length === address.length && ip.every((byte, i) => (byte & (mask[i] as number)) === (address[i] as number))
}

function decodeSubtrees(reader: DerReader, number: number, field: string): Subtrees | undefined {
  const sequence = reader.optional(contextTag(number), field)
  if (sequence === undefined) return undefined
  const subtrees: { [F in NameForm]?: Subtree[] } = {}
  do {
    const entry = sequence.sequence('subtree')
    const subtree = decodeSubtree(entry, decodeGeneralName(entry, 'base'))
    // RFC 5280: the minimum is 0, which is the default and yet sometimes written; there is no maximum.
    const minimum = contextTag(0, 'primitive')
    if (entry.nextTag === minimum && entry.smallInteger('minimum', { tag: minimum }) !== 0) {
      throw entry.fault('a distance', 'minimum')
    }
    entry.end()
    const list = subtrees[subtree.form]
    if (list === undefined) subtrees[subtree.form] = [subtree]
    else list.push(subtree)
  } while (!sequence.done)
  return subtrees
}

function decodeSubtree(reader: DerReader, base: GeneralName): Subtree {
  switch (base.form) {
    case 'dns':
      return { form: 'dns', domain: decodeDomainSubtree(reader, base.value, 'base-and-below') }
    case 'uri':
      return { form: 'uri', domain: decodeDomainSubtree(reader, base.value, 'base-only') }
    case 'email': {
      if (!base.value.includes('@')) {
        return { form: 'email', mailbox: undefined, domain: decodeDomainSubtree(reader, base.value, 'base-only') }
      }
      const mailbox = parseMailbox(base.value)
      if (mailbox === undefined) throw reader.fault('a constraint that is no mail address')
      return { form: 'email', mailbox, domain: decodeDomainSubtree(reader, mailbox.domain, 'base-only') }
    }
    case 'ip':
      return decodeNetwork(reader, base.bytes)
    default:
      return base
  }
}

/**
 * DNS: a name stands for itself and all below. Mail and URI: a host stands for itself, with a leading dot for all below. A leading
 * dot in a DNS constraint is no form of RFC 5280, but widely used: it leaves the name itself out.
 */
function decodeDomainSubtree(
  reader: DerReader,
  text: string,
  plainMeans: 'base-and-below' | 'base-only',
): DomainSubtree {
  const leadingDot = text.startsWith('.')
  const base = (leadingDot ? text.slice(1) : text).toLowerCase()
  if (text !== '' && !isDomainName(base)) throw reader.fault('a constraint that is no domain')
  return {
    base,
    includesBase: !leadingDot,
    includesBelow: leadingDot || text === '' || plainMeans === 'base-and-below',
    leadingDot,
  }
}

/** An address and a mask of the same length, whose ones come first: RFC 4632. */
function decodeNetwork(reader: DerReader, bytes: Uint8Array): Subtree {
  if (bytes.length !== 8 && bytes.length !== 32) throw reader.fault('an IP constraint that is no address with mask')
  const half = bytes.length / 2
  const mask = bytes.subarray(half)
  let ended = false
  for (const byte of mask) {
    if ((ended && byte !== 0) || !CONTIGUOUS.has(byte)) throw reader.fault('an IP constraint whose mask has gaps')
    ended = byte !== 0xff
  }
  const address = bytes.subarray(0, half).map((byte, i) => byte & (mask[i] as number))
  return { form: 'ip', address, mask }
}

function describeName(name: GeneralName): string {
  switch (name.form) {
    case 'dns':
    case 'email':
    case 'uri':
      return `the ${name.form} name ${JSON.stringify(name.value.slice(0, 300))}`
    case 'ip':
      return `the IP address ${formatIpAddress(name.bytes)}`
    case 'directory':
      return `the directory name ${JSON.stringify(name.name.toString().slice(0, 300))}`
    default:
      return `a name of the form ${name.form}`
  }
}

const CONTIGUOUS: ReadonlySet<number> = new Set([0x00, 0x80, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc, 0xfe, 0xff])
/** RFC 9598 applies constraints on mail addresses to these too; we do not read them. */
const SMTP_UTF8_MAILBOX = '1.3.6.1.5.5.7.8.9'
