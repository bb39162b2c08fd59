import assert from 'node:assert/strict'
import { patienceMilliseconds } from './patience.ts'

/** Runs a test, and fails when something that keeps a process alive is left behind by it: a socket, or a timer. */
export async function leavesNothing(test: () => Promise<void>): Promise<void> {
  const before = census()
  await test()
  const left = (): string[] => kinds.filter((kind) => count(census(), kind) > count(before, kind))
  // Handles are gone one turn of the event loop after they were closed, sometimes a few.
  const deadline = performance.now() + patienceMilliseconds
  while (left().length > 0 && performance.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(left(), [])
}

const kinds = ['TCPSocketWrap', 'TCPServerWrap', 'ProcessWrap', 'Timeout']

function census(): readonly string[] {
  return process.getActiveResourcesInfo()
}

function count(resources: readonly string[], kind: string): number {
  return resources.filter((each) => each === kind).length
}
