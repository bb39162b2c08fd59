/** How long to wait for what has to come. For a busy machine: nothing that works takes a twentieth of it. */
export const patienceMilliseconds = 60_000

/** Fails when something does not come, which tells more than a test that is given up as a whole. */
export async function patiently<T>(what: string, coming: Promise<T>, milliseconds = patienceMilliseconds): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), milliseconds)
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    clearTimeout(timer)
  }
}
