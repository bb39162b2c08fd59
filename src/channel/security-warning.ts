/** Tells the operator that something less than secure was asked for: as a process warning where there are such, else on the console. */
export function warnOfInsecurity(message: string): void {
  const runtime = globalThis as { process?: { emitWarning?: (message: string, options: { type: string }) => void } }
  if (runtime.process?.emitWarning !== undefined) runtime.process.emitWarning(message, { type: 'SecurityWarning' })
  else console.warn(`SecurityWarning: ${message}`)
}
