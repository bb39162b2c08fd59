/**
 * Which libssl to drive.
 * - `embedded`: the one inside the runtime itself. The official builds of Node export it, so nothing else is needed.
 * - `system`: the one that the operating system installs.
 * - a pair of paths: a build of one's own.
 */
export type LibraryChoice = 'embedded' | 'system' | { readonly libcrypto: string; readonly libssl: string }
