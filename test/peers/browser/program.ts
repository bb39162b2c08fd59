import { performTask, type Report, type Task } from './task.ts'

/**
 * What a browser runs, in its page and in a worker: fetches its task, reports what it saw, and has the page start the worker. Other
 * runtimes are told where the site is, and what they are called. The test bundles it; nothing of Node may be in it.
 */
export async function runProgram(site = '/', where = 'document' in globalThis ? 'page' : 'worker'): Promise<void> {
  const task = (await (await fetch(`${site}task`)).json()) as Task
  const report = await performTask(task).catch((error: Error): Report => ({ failed: `${error.stack ?? error}` }))
  await fetch(`${site}report?from=${where}`, { method: 'POST', body: JSON.stringify(report) })
  if (where === 'page') startWorker()
}

/** The types of Node do not have it. */
function startWorker(): void {
  const { Worker } = globalThis as unknown as { Worker: new (path: string, options: { type: 'module' }) => unknown }
  new Worker('/program.js', { type: 'module' })
}
