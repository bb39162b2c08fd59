// Tells of each test in one line of JSON: its file, its name, whether it passed, and what it failed with.
export default async function* report(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.details?.type === 'suite') continue
    const { error } = data.details ?? {}
    const cause = error?.cause ?? error
    const result = {
      ok: type === 'test:pass',
      skipped: data.skip !== undefined,
      file: String(data.file).split(/[\\/]/).at(-1),
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
