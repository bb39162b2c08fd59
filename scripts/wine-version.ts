import { createRequire } from 'node:module'

/** The major version of the Wine that this is; undefined on a real Windows. */
export function wineVersion(): number | undefined {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi')
  try {
    const version = koffi.load('ntdll.dll').func('str wine_get_version()')() as string
    return Number.parseInt(version, 10)
  } catch {
    return undefined
  }
}
