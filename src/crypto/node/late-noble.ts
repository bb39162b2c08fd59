import { createRequire } from 'node:module'
import type { MlKem768 } from '../provider.ts'

/** ML-KEM of the noble libraries for a Node without its own, loaded when it is first used: that takes some 30 ms, and few need it. */
export const lateMlKem768: MlKem768 = {
  generate: () => load().generate(),
  encapsulate: (encapsulationKey) => load().encapsulate(encapsulationKey),
}

let loaded: MlKem768 | undefined
function load(): MlKem768 {
  // Synchronous, as everything here; Node loads modules so since 20.19.
  loaded ??= (createRequire(import.meta.url)('../noble/ml-kem.js') as { readonly nobleMlKem768: MlKem768 })
    .nobleMlKem768
  return loaded
}
