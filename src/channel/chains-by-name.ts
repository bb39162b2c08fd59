/** Which of a server's chains fit a name. Chains are numbered as the configuration lists them. */
export class ChainsByName {
  readonly #exact = new Map<string, number[]>()
  /** By what stands behind the asterisk's label. */
  readonly #wildcard = new Map<string, number[]>()
  /** Those that answer where no name fits: the first, and the others of exactly the same names. */
  readonly fallback: readonly number[]

  constructor(namesOfChains: readonly (readonly string[])[]) {
    namesOfChains.forEach((names, index) => {
      for (const name of names) {
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
    const rest = name.slice(name.indexOf('.') + 1)
    return this.#exact.get(name) ?? this.#wildcard.get(rest) ?? this.fallback
  }

  /** Every different set of chains that can be chosen. */
  *groups(): Iterable<readonly number[]> {
    yield this.fallback
    yield* this.#exact.values()
    yield* this.#wildcard.values()
  }
}
