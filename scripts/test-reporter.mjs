// Prints each failure in full, each skipped test with its reason, and node:test's closing lines. What passed is a number.
import { relative } from 'node:path'
import { cwd } from 'node:process'
import { inspect } from 'node:util'

export default async function* report(events) {
  const open = []
  for await (const { type, data } of events) {
    if (type === 'test:start') {
      open.length = data.nesting
      open[data.nesting] = data.name
    }
    if (type === 'test:fail' && data.details.error?.failureType !== 'subtestsFailed') yield failure(open, data)
    if (type === 'test:pass' && data.skip !== undefined)
      yield `skipped: ${nameOf(open, data)}: ${data.skip || 'no reason'}\n`
    if (type === 'test:stderr') yield data.message
    if (type === 'test:diagnostic' && data.nesting === 0) yield `ℹ ${data.message}\n`
  }
}

function failure(open, data) {
  const { error } = data.details
  const cause = error?.cause ?? error
  const text = cause instanceof Error && cause.stack ? `${cause.stack}${detailsOf(cause)}` : inspect(cause)
  return `✖ ${nameOf(open, data)}\n  ${placeOf(data)}\n${text.replace(/^/gm, '    ')}\n\n`
}

// An assertion's message says already what else it carries.
function detailsOf(error) {
  if (error.code === 'ERR_ASSERTION') return ''
  const details = { ...error }
  return Object.keys(details).length === 0 ? '' : `\n${inspect(details)}`
}

function nameOf(open, { name, nesting }) {
  return [...open.slice(0, nesting), name].join(' › ')
}

function placeOf({ file, line }) {
  return file === undefined ? '' : `${relative(cwd(), file)}${line === undefined ? '' : `:${line}`}`
}
