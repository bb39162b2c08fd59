import process from 'node:process'
import { Command, CommanderError, Option } from 'commander'
import type { AMQPOptions } from './amqp.ts'
import type { BackendsOptions } from './backends.ts'
import type { ConnectOptions } from './connect.ts'
import { ExitCode } from './exit-code.ts'
import { expectationSubjects, parseExpectations } from './expectation.ts'
import {
  parseCiphers,
  parseGroups,
  parseList,
  parseMilliseconds,
  parseOwnPort,
  parsePort,
  parseVersion,
} from './names.ts'
import { packageVersion } from './package-version.ts'
import type { ServeOptions } from './serve.ts'
import { parseStartTLS } from './starttls-protocol.ts'
import { hasColour } from './terminal.ts'
import type { TourOptions } from './tour.ts'

/** Parses the words of a command line and runs the command that they name; each command is loaded when it is called. */
export async function runProgram(words: readonly string[]): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.OK
  const program = makeProgram((code) => {
    exitCode = code
  })
  if (words.length === 0) {
    program.outputHelp()
    return ExitCode.OK
  }
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCode
  } catch (error) {
    // The parser has printed what is wrong; help and the version end this way too.
    if (error instanceof CommanderError) return informative.has(error.code) ? ExitCode.OK : ExitCode.USAGE
    throw error
  }
}

const informative: ReadonlySet<string> = new Set(['commander.help', 'commander.helpDisplayed', 'commander.version'])

type Finish = (code: ExitCode) => void

function makeProgram(finish: Finish): Command {
  const program = new Command('polytls')
    .description('Look at TLS connections, serve TLS, and see what the TLS stacks of this machine can do.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      getOutHasColors: () => hasColour(process.stdout.isTTY, process.env),
      getErrHasColors: () => hasColour(process.stderr.isTTY, process.env),
      outputError: (text, write) => write(text.replace(/^error: /, 'polytls: ')),
    })
    .configureHelp({ styleTitle: (title) => `\u001b[1m${title}\u001b[22m` })
    .addHelpText('after', `${examples}\n${exitCodes}`)
  addConnect(program, finish)
  addAMQP(program, finish)
  addServe(program, finish)
  addBackends(program, finish)
  addTour(program, finish)
  for (const command of program.commands) {
    command.showHelpAfterError(`(polytls ${command.name()} --help shows what can be given)`)
  }
  return program.showHelpAfterError(`${examples}\n\n(polytls --help shows the commands)`)
}

const examples = `
Examples:
  polytls connect example.org              what was agreed, and with whom
  polytls connect db.lan:5432 --ca ca.pem  trusts a private authority only
  polytls connect example.org --max 1.2    does it still speak TLS 1.2?
  polytls connect mail.lan:587 --starttls  begins in plain text, by SMTP here
  polytls connect example.org --expect 'version>=1.3,days>14'
  polytls connect example.org --json | jq -r '.chain[0].notAfter'
  polytls amqp broker.lan                  what a broker takes, whom it lets in
  printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' | polytls connect example.org --alpn http/1.1
  polytls serve --min 1.3                  echoes, with a fresh certificate
`

const exitCodes = `
Exit codes:
  0 ok, 2 usage, 3 network, 4 handshake, 5 certificate, 6 expectation failed`

function addConnect(program: Command, finish: Finish): void {
  program
    .command('connect')
    .description('connect to a TLS server, verify it, and tell what was agreed')
    .argument('<host[:port]>', 'a name or address; IPv6 in brackets; port 443 where none is given')
    .addOption(alpnOption())
    .addOption(minOption())
    .addOption(maxOption())
    .addOption(new Option('--groups <list>', 'key exchange groups to offer, by IANA name').argParser(parseGroups))
    .addOption(new Option('--ciphers <list>', 'cipher suites to offer, by IANA name').argParser(parseCiphers))
    .option('--ca <file>', 'trust these certificates, and no others (default: those of the system)')
    .option('--cert <file>', 'own certificate with its chain, PEM')
    .option('--key <file>', 'its key (default: in the same file); POLYTLS_PASSPHRASE unlocks it')
    .option('--post-handshake', 'let the server ask for the certificate at any time (TLS 1.3)')
    .addOption(
      new Option('--starttls [protocol]', 'begin in plain text, as smtp, imap, ldap, postgres, …')
        .argParser(parseStartTLS)
        .preset('by-port'),
    )
    .option('--proxy <url>', 'connect through http://, https:// or socks5://[user:password@]host:port')
    .option('--session-in <file>', 'go on from the session in this file')
    .option('--session-out <file>', 'write the newest session that comes; whoever reads it can go on in its place')
    .option('--early-data <file>', 'send this before the server has answered, with --session-in; it can be replayed')
    .option('--psk <file>', 'offer the key in this file, IDENTITY:HEX')
    .addOption(
      new Option(
        '--ocsp <policy>',
        'ask for the state of the certificate: soft judges one that comes, hard demands one',
      ).choices(['soft', 'hard']),
    )
    .option('-v, --verbose', 'show on stderr what is said in plain text')
    .option('--sni <name>', 'whom to ask for, and to expect in the certificate (default: the host)')
    .option('--save <file>', 'write the certificates that the peer sent, PEM, also when refused')
    .addOption(backendOption())
    .option('--keylog <file>', 'append the secrets, for Wireshark: whoever has them can read everything')
    .addOption(
      new Option('--timeout <ms>', 'how long connecting may take, and then the handshake')
        .argParser(parseMilliseconds)
        .default(10_000),
    )
    .addOption(
      new Option('--expect <conditions>', `exit with 6 unless they hold: ${expectationSubjects.join(', ')}`).argParser(
        parseExpectations,
      ),
    )
    .option('--json', 'print one JSON object on stdout, and nothing else')
    .option('-i, --interactive', 'send stdin to the peer and print what it sends')
    .option('-n, --no-interactive', 'only tell about the connection')
    .option('--crlf', 'send CR LF at the end of every line')
    .option('--keep-open', 'at the end of stdin, leave the own direction open until the peer closes')
    .addHelpText('after', connectNotes)
    .action(async (endpoint: string, options: ConnectOptions) => {
      const { runConnect } = await import('./connect.ts')
      finish(await runConnect(endpoint, options))
    })
}

const connectNotes = `
Where stdin is a pipe, a file or a terminal, it goes to the peer, and what the
peer sends goes to stdout, while what is told about the connection goes to
stderr. With --json, --expect or -n, and where stdin is /dev/null, there is only
something to tell.`

function addAMQP(program: Command, finish: Finish): void {
  program
    .command('amqp')
    .description('check a broker of AMQP 1.0: the versions of TLS that it takes, its mechanisms, whom it lets in')
    .argument('<host[:port]>', 'a name or address; IPv6 in brackets; port 5671 where none is given')
    .addOption(new Option('--port <number>', 'which port, instead of in the host').argParser(parsePort))
    .option('--ca <file>', 'trust these certificates, and no others (default: those of the system)')
    .option('--cert <file>', 'own certificate with its chain, PEM; tries SASL EXTERNAL')
    .option('--key <file>', 'its key (default: in the same file); POLYTLS_PASSPHRASE unlocks it')
    .option('--sni <name>', 'whom to ask for, and to expect in the certificate (default: the host)')
    .addOption(backendOption())
    .addOption(new Option('--timeout <ms>', 'how long each step may take').argParser(parseMilliseconds).default(10_000))
    .option('--json', 'print one JSON object on stdout, and nothing else')
    .action(async (endpoint: string, options: AMQPOptions) => {
      const { runAMQP } = await import('./amqp.ts')
      finish(await runAMQP(endpoint, options))
    })
}

function addServe(program: Command, finish: Finish): void {
  program
    .command('serve')
    .description('run a TLS server for trying things out')
    .addOption(new Option('--port <number>', '0 takes any that is free').argParser(parseOwnPort).default(8443))
    .option('--host <address>', 'where to listen', '127.0.0.1')
    .option('--status', 'speak HTTP/1.1 and tell what was negotiated, instead of echoing')
    .option('--cert <file>', 'own certificate with its chain, PEM (default: a fresh one)')
    .option('--key <file>', 'its key (default: in the same file); POLYTLS_PASSPHRASE unlocks it')
    .addOption(new Option('--names <list>', 'whom the fresh certificate is for').argParser(parseList))
    .addOption(minOption())
    .addOption(maxOption())
    .addOption(alpnOption())
    .addOption(
      new Option('--early-data <bytes>', 'take so much early data, and echo it at once (default: none)').argParser(
        Number,
      ),
    )
    .option('--psk <file>', 'let clients in by these keys too, one a line, IDENTITY:HEX')
    .option('--ocsp <file>', 'staple this OCSP response, DER, read anew for each client that asks')
    .option('--ja4', 'tell the fingerprint of what each client offers, also of those that fail')
    .option('--client-ca <file>', 'let only clients in whose certificate these vouch for')
    .option('--post-handshake', 'with --client-ca: let everybody in, then ask, and tell who it is (TLS 1.3)')
    .addOption(backendOption())
    .option('--json', 'print one line of JSON on stdout when ready')
    .action(async (options: ServeOptions) => {
      const { runServe } = await import('./serve.ts')
      finish(await runServe(options))
    })
}

function addBackends(program: Command, finish: Finish): void {
  program
    .command('backends')
    .description('list the TLS stacks that can be used here, and what each can do')
    .option('--json', 'print one JSON array on stdout')
    .action(async (options: BackendsOptions) => {
      const { runBackends } = await import('./backends.ts')
      finish(runBackends(options))
    })
}

function addTour(program: Command, finish: Finish): void {
  program
    .command('tour')
    .description('see the library at work, on sockets of this machine, in a few seconds')
    .addOption(backendOption())
    .action(async (options: TourOptions) => {
      const { runTour } = await import('./tour.ts')
      finish(await runTour(options))
    })
}

function minOption(): Option {
  return new Option('--min <version>', 'lowest version: 1.2 or 1.3').argParser(parseVersion)
}
function maxOption(): Option {
  return new Option('--max <version>', 'highest version: 1.2 or 1.3').argParser(parseVersion)
}
function alpnOption(): Option {
  return new Option('--alpn <list>', 'protocols by preference, such as h2,http/1.1').argParser(parseList)
}
function backendOption(): Option {
  return new Option('--backend <name>', "which TLS stack: see 'polytls backends'")
}
