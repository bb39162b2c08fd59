import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ConnectionReport } from './connection-report.ts'

/** Tells a client what was negotiated with it: as a page for browsers, as JSON or as text for those who ask for it. */
export function answerStatus(request: IncomingMessage, response: ServerResponse, report: ConnectionReport): void {
  response.setHeader('cache-control', 'no-store')
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  const accepted = request.headers.accept ?? ''
  if (accepted.includes('text/html')) send(response, 'text/html', page(report))
  else if (accepted.includes('application/json')) send(response, 'application/json', `${JSON.stringify(report)}\n`)
  else
    send(
      response,
      'text/plain',
      rowsOf(report)
        .map(([label, value]) => `${label.padEnd(14)}${value}\n`)
        .join(''),
    )
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function rowsOf(report: ConnectionReport): readonly (readonly [string, string])[] {
  const [client] = report.chain
  return [
    ['version', report.version ?? 'not known'],
    ['cipher suite', report.cipherSuite ?? 'not known'],
    ['key exchange', report.group ?? 'not known'],
    ['protocol', report.alpn ?? 'none agreed (ALPN)'],
    ['server name', report.serverName ?? 'none asked for'],
    ['session', report.resumed ? 'resumed' : 'new'],
    ['client', client === undefined ? 'showed no certificate' : client.subject],
    ['backend', report.backend],
  ]
}

function page(report: ConnectionReport): string {
  const rows = rowsOf(report).map(([label, value]) => `<tr><th>${escaped(label)}<td>${escaped(value)}`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>polytls</title>
<style>body{font:1rem/1.5 system-ui;margin:3rem auto;max-width:40rem;padding:0 1rem;color-scheme:light dark}
th{text-align:left;font-weight:400;opacity:.6;padding-right:2rem}td{font-family:ui-monospace,monospace;overflow-wrap:anywhere}</style>
<h1>What was negotiated</h1>
<table>
${rows.join('\n')}
</table>
</html>
`
}

/** A peer chooses some of these texts. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
