/** The candidate that was probably meant, or nothing where none is close. Letter case and punctuation do not count. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = simplified(word)
  const [best] = candidates
    .map((candidate) => ({ candidate, distance: editDistance(wanted, simplified(candidate)) }))
    .sort((left, right) => left.distance - right.distance)
  if (best === undefined || best.distance > Math.max(2, wanted.length / 3)) return undefined
  return best.candidate
}

/** Also makes OpenSSL's names of suites comparable to those of IANA: the latter say TLS and WITH in addition. */
function simplified(word: string): string {
  return word.toLowerCase().replace(/tls_|with|[^a-z0-9]/g, '')
}

/** Levenshtein's distance: how many letters to insert, delete or replace. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const row = [i]
    for (let j = 1; j <= right.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1))
    }
    previous = row
  }
  return previous[right.length] ?? 0
}
