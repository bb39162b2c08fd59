/** How the command line ends: a script can tell the classes of failure apart without reading prose. */
export const ExitCode = {
  OK: 0,
  /** A defect of this program. */
  INTERNAL: 1,
  /** The command, its options or what they name cannot be used as they are. */
  USAGE: 2,
  /** The peer was not reached, or the connection was cut. */
  NETWORK: 3,
  /** The peer was reached, and the two did not come to speak TLS. */
  HANDSHAKE: 4,
  /** The peer's certificate was not accepted. */
  CERTIFICATE: 5,
  /** All went well, and what was agreed is not what `--expect` demands. */
  EXPECTATION: 6,
  /** Interrupted by Ctrl-C: 128 and the number of SIGINT, as shells have it. */
  INTERRUPTED: 130,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** The command was called wrongly: told to the person in one sentence, with what to try. */
export class UsageFailure extends Error {
  override readonly name = 'UsageFailure'
  readonly hint: string | undefined

  constructor(message: string, options: { readonly hint?: string | undefined; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.hint = options.hint
  }
}
