import assert from 'node:assert/strict'
import { once } from 'node:events'
import type * as http from 'node:http'
import * as net from 'node:net'
import { type Backend, CertificateError, openssl, portable, type TrustStore } from 'polytls'
import { createHTTPSServer } from 'polytls/https'
import { makeAuthority } from '#polytls/cli/certificates.js'
import { patienceMilliseconds } from '../peers/support/patience.ts'
import { hostName, matching, trusting } from '../support/identities.ts'

export const host = '127.0.0.1'
export const testedBackends: readonly Backend[] = [openssl, portable]
export const ours = await matching()

/** Names lead to this machine, so that clients can be given URLs with the server's name. */
export const transport = {
  lookup: ((_name, { all }, found) => {
    if (all) found(null, [{ address: host, family: 4 }])
    else found(null, host, 4)
  }) as net.LookupFunction,
}

/** A store that trusts none of the servers here. */
export async function strangers(): Promise<TrustStore> {
  return trusting(await makeAuthority({ name: 'Nobody' }))
}

export function isRefusal(error: unknown): true {
  assert.ok(error instanceof CertificateError && error.reason === 'unknown-issuer', String(error))
  return true
}

/** A site of ours over HTTPS. */
export async function site(backend: Backend, listener: http.RequestListener): Promise<Site<http.Server>> {
  return listening(createHTTPSServer({ ...ours.server, backend }, listener))
}

export interface Site<S extends net.Server> {
  readonly server: S
  readonly port: number
  readonly url: string
  /** Connections that it has accepted, by TCP. */
  readonly accepted: net.Socket[]
  [Symbol.asyncDispose](): Promise<void>
}

export async function listening<S extends net.Server>(server: S): Promise<Site<S>> {
  const accepted: net.Socket[] = []
  server.on('connection', (socket) => accepted.push(socket))
  server.on('tlsClientError', () => {})
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return {
    server,
    port,
    url: `https://${hostName}:${port}`,
    accepted,
    [Symbol.asyncDispose]: () => closed(server),
  }
}

/** Closes a server, and waits until its last connection is gone: a client that leaves one open is a fault. */
export async function closed(server: net.Server): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const tooLong = setTimeout(() => {
      if ('closeAllConnections' in server) (server as http.Server).closeAllConnections()
      reject(new Error('a connection to the server was left open'))
    }, patienceMilliseconds)
    server.close(() => {
      clearTimeout(tooLong)
      resolve()
    })
  })
}

/** A proxy that connects by CONNECT, and counts what it connected. */
export async function proxy(): Promise<{ port: number; tunnels: string[] } & AsyncDisposable> {
  const tunnels: string[] = []
  const server = net.createServer((near) => {
    near.on('error', () => {})
    near.once('data', (head) => {
      const [, target = ''] = /^CONNECT (\S+) HTTP/.exec(String(head)) ?? []
      tunnels.push(target)
      const far = net.connect(Number(target.split(':').at(-1)), host)
      far.on('error', () => near.destroy())
      near.on('close', () => far.destroy())
      near.write('HTTP/1.1 200 Connected\r\n\r\n')
      near.pipe(far).pipe(near)
    })
  })
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { port, tunnels, [Symbol.asyncDispose]: () => closed(server) }
}

/** The answer to a request, whole. */
export async function responded(request: http.ClientRequest): Promise<string> {
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}
