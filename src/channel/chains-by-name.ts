/** Which of a server's chains fit a name. Chains are numbered as the configuration lists them. */
export class ChainsByName {
  readonly #exact = new Map<string, number[]>()
  /** By what stands behind the asterisk's label. */
  readonly #wildcard = new Map<string, number[]>()
  /** Those that answer where no name fits: the first, and the others of exactly the same names. */
  readonly fallback: readonly number[]

  constructor(namesOfChains: readonly (readonly string[])[]) {
    namesOfChains.forEach((names, index) => {
      for (const name of new Set(names)) {
        const [map, key] = name.startsWith('*.') ? [this.#wildcard, name.slice(2)] : [this.#exact, name]
        map.set(key, [...(map.get(key) ?? []), index])
      }
    })
    const signature = (names: readonly string[] | undefined): string => [...(names ?? [])].sort().join()
    const first = signature(namesOfChains[0])
    this.fallback = namesOfChains.flatMap((names, index) => (signature(names) === first ? [index] : []))
  }

  choose(serverName: string | undefined): readonly number[] {
    const name = serverName?.toLowerCase().replace(/\.$/, '') ?? ''
    const dot = name.indexOf('.')
    return this.#exact.get(name) ?? (dot < 0 ? undefined : this.#wildcard.get(name.slice(dot + 1))) ?? this.fallback
  }

  /** Every different set of chains that can be chosen. */
  *groups(): Iterable<readonly number[]> {
    yield this.fallback
    yield* this.#exact.values()
    yield* this.#wildcard.values()
  }
}
