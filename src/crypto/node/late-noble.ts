/** What a Node may want of the noble libraries, loaded when it is first used: that takes some 30 ms, and few need it. */
import { createRequire } from 'node:module'
import type { CryptoProvider, MlKem768 } from '../provider.ts'

/** ML-KEM for a Node without its own. */
export const lateMlKem768: MlKem768 = {
  generate: () => loadMlKem768().generate(),
  encapsulate: (encapsulationKey) => loadMlKem768().encapsulate(encapsulationKey),
}

/** The whole provider over the noble libraries. */
export function lateNobleCrypto(): CryptoProvider {
  return (load('../noble/provider.js') as { createNobleCrypto(): CryptoProvider }).createNobleCrypto()
}

let mlKem768: MlKem768 | undefined
function loadMlKem768(): MlKem768 {
  mlKem768 ??= (load('../noble/ml-kem.js') as { readonly nobleMlKem768: MlKem768 }).nobleMlKem768
  return mlKem768
}

/** Synchronous, as everything here; Node loads modules so since 20.19. */
function load(module: string): unknown {
  return createRequire(import.meta.url)(module)
}
