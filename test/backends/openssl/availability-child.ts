import { backends, defaultBackend, openssl, TLSClientConfiguration } from 'polytls'

/** Tells on its standard output how the package behaves in this process. */
function described<T>(call: () => T): T | object {
  try {
    return call()
  } catch (error) {
    const { name, message, field, hint } = error as Error & { field?: string; hint?: string }
    return { name, message, field, hint }
  }
}

process.stdout.write(
  JSON.stringify({
    available: backends.map(({ name, available }) => ({ name, ...available })),
    context: described(() => openssl.clientContext(new TLSClientConfiguration())),
    fallback: described(() => ({ backend: defaultBackend().name })),
  }),
)
