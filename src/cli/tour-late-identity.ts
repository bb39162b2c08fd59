import { TLSClientConfiguration } from '../config/client-configuration.ts'
import { connect } from '../connections.ts'
import { UsageError } from '../errors.ts'
import { describeCertificate } from './certificate-description.ts'
import type { Terminal } from './terminal.ts'
import type { Stage } from './tour-stage.ts'
import { aligned, check, failureOf, hear, type Step } from './tour-step.ts'

/** Everybody may come in; who wants more is asked for a certificate. */
export const showLateIdentity: Step['run'] = async (stage: Stage, terminal: Terminal) => {
  const { backend, trusted } = stage
  if (!backend.capabilities.features.has('post-handshake-authentication')) {
    const field = 'postHandshakeAuthentication'
    return aligned([[backend.name, `cannot do this, and refuses ${field} by name`]], terminal)
  }
  let unasked: Promise<Error> | undefined
  const server = await stage.serve({ trustStore: trusted }, async (socket) => {
    socket.on('error', () => {})
    const before = socket.facts.peerChain.length
    try {
      const [own] = (await socket.requestClientCertificate()).chain
      socket.end(`${before} certificates, then ${own === undefined ? 'nobody' : describeCertificate(own).subject}`)
    } catch (error) {
      unasked = Promise.resolve(error as Error)
      socket.end('stay anonymous')
    }
  })
  const options = { trustStore: trusted, chooseCertificate: () => stage.alice }
  const come = async (offers: boolean, length: number): Promise<string> => {
    const configuration = new TLSClientConfiguration({ ...options, postHandshakeAuthentication: offers })
    const context = backend.clientContext(configuration)
    const socket = await connect({ host: '127.0.0.1', port: server.port, serverName: 'localhost', context })
    const heard = await hear(socket, length)
    await socket[Symbol.asyncDispose]()
    return heard
  }
  const known = '0 certificates, then CN=alice'
  const heard = await come(true, known.length)
  check(heard === known, `the server sees alice once it has asked, not "${heard}"`)
  const anonymous = await come(false, 'stay anonymous'.length)
  check(anonymous === 'stay anonymous', `who has not offered it is not asked, not "${anonymous}"`)
  const refusal = await (unasked ?? failureOf(Promise.resolve(), 'the server is told that it cannot ask'))
  check(refusal instanceof UsageError, `the server is told why, not ${refusal}`)
  return aligned(
    [
      ['asked', `behind the handshake: "${heard}"`],
      ['not offered', refusal.message],
    ],
    terminal,
  )
}
