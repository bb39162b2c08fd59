import type { StaysPlain } from './dialogue.ts'

/** What a server's dialogue shows of what a client says: a command may hold a password behind its first words, TLS or not. */
export function firstWords(count: number): (line: string) => string {
  return (line) => {
    const words = line.split(' ')
    return words.length <= count ? line : `${words.slice(0, count).join(' ')} …`
  }
}

/** The client has said a command that belongs inside TLS. Only the command's name is repeated. */
export function wentOn<Learned>(learned: Learned, verb: string): StaysPlain<Learned> {
  return {
    kind: 'not-requested',
    learned,
    message: `the client went on with ${JSON.stringify(verb.slice(0, 20).toUpperCase())} and did not ask for TLS`,
  }
}
