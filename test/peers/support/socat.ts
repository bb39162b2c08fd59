import { hostName, type Identities, type ServerKeyKind } from './identities.ts'
import { freePort } from './ports.ts'
import { Program, type ProgramOptions } from './program.ts'

/** A server that passes everything through cat(1), back to where it came from. It serves one connection. */
export async function startSocatEcho(
  identities: Identities,
  kind?: ServerKeyKind,
): Promise<Program & { readonly port: number }> {
  const port = await freePort()
  const address = `OPENSSL-LISTEN:${port},bind=127.0.0.1,cert=${identities.server(kind).bundleFile},verify=0`
  const program = new Program('socat', [address, 'EXEC:cat'])
  await program.listensOn(port)
  return Object.assign(program, { port })
}

/** A client that passes its standard input and output on. */
export function startSocatClient(identities: Identities, port: number, options?: ProgramOptions): Program {
  const verification = `cafile=${identities.authorityFile},commonname=${hostName},snihost=${hostName}`
  return new Program('socat', ['STDIO', `OPENSSL:127.0.0.1:${port},${verification}`], options)
}
