// Tells of each test in one line of JSON: its file, the suite and the test by name, whether it passed, and what it failed with.
export default async function* report(source) {
  const suites = new Map()
  for await (const { type, data } of source) {
    if (type === 'test:start' && data.nesting === 0) suites.set(data.file, data.name)
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.details?.type === 'suite') continue
    const { error } = data.details ?? {}
    const cause = error?.cause ?? error
    const result = {
      ok: type === 'test:pass',
      skipped: data.skip !== undefined,
      file: String(data.file).split(/[\\/]/).at(-1),
      suite: data.nesting === 0 ? '' : (suites.get(data.file) ?? ''),
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
