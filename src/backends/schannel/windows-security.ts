import { createRequire } from 'node:module'
import { arch, platform } from 'node:process'
import { crypt32On } from './crypt32.ts'
import { type Koffi, Memory } from './memory.ts'
import type { NativeSecurity } from './native.ts'
import { type Functions, prototypes } from './prototypes.ts'
import { secur32On } from './secur32.ts'
import { encodeStructure, layoutOf, OSVERSIONINFOW, readNumber } from './structures.ts'

/** Loads Windows' libraries, or says why that cannot be done here. Never throws. */
export function loadWindowsSecurity(): NativeSecurity | { readonly reason: string } {
  if (platform !== 'win32') return { reason: `Schannel is a part of Windows, and this is ${platform}` }
  if (arch !== 'x64' && arch !== 'arm64')
    return { reason: `the structures of Windows on ${arch} are not described here` }
  let koffi: Koffi
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    return {
      reason: `the optional package koffi is not installed or has no binary for this platform (${firstLine(cause)})`,
    }
  }
  try {
    const memory = new Memory(koffi, bind(koffi))
    return { systemName: systemName(memory), ...secur32On(memory), ...crypt32On(memory) }
  } catch (cause) {
    return { reason: `the libraries of Windows cannot be used: ${firstLine(cause)}` }
  }
}

function bind(koffi: Koffi): Functions {
  const functions: Record<string, unknown> = {}
  for (const [library, list] of Object.entries(prototypes)) {
    const handle = koffi.load(library)
    for (const [name, prototype] of Object.entries(list)) functions[name] = handle.func(prototype)
  }
  return functions as Functions
}

/** By RtlGetVersion, which unlike its newer relatives tells the truth to programs without a manifest. */
function systemName({ functions }: Memory): string {
  const version = encodeStructure(OSVERSIONINFOW, { dwOSVersionInfoSize: layoutOf(OSVERSIONINFOW).size })
  functions.RtlGetVersion(version)
  const [major, minor, build] = ['dwMajorVersion', 'dwMinorVersion', 'dwBuildNumber'].map((name) =>
    readNumber(OSVERSIONINFOW, version, name),
  )
  return `Windows ${major}.${minor}.${build}`
}

function firstLine(cause: unknown): string {
  return String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0] ?? ''
}
