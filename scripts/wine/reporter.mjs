// Tells of each test in one line of JSON: its file, the suite and the test by name, whether it passed, and what it failed with. A suite counts
// where it fails by itself, in what it does before or after its tests.
export default async function* report(source) {
  // One file is told after the other, whichever ran first.
  let suite = ''
  for await (const { type, data } of source) {
    if (type === 'test:start' && data.nesting === 0) suite = data.name
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { error, type: kind } = data.details ?? {}
    if (kind === 'suite' && error?.failureType !== 'hookFailed') continue
    const cause = error?.cause ?? error
    const result = {
      ok: type === 'test:pass',
      skipped: data.skip !== undefined,
      file: String(data.file).split(/[\\/]/).at(-1),
      suite: data.nesting === 0 ? '' : suite,
      test: data.name,
      error:
        type === 'test:fail'
          ? String(cause?.message ?? cause)
              .replace(/\s+/g, ' ')
              .slice(0, 600)
          : undefined,
    }
    yield `${JSON.stringify(result)}\n`
  }
}
