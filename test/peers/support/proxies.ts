import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NegotiatedVersion } from 'polytls'
import { hostName, type Identities, type ServerKeyKind } from './identities.ts'
import { freePort } from './ports.ts'
import { Program } from './program.ts'

export interface ProxyOptions {
  readonly version: NegotiatedVersion
  readonly kind?: ServerKeyKind
  /** Demands client certificates. */
  readonly demandsClients?: boolean
}

/**
 * An nginx that serves the files of its folder `www`, takes new ones by PUT, tells at `/facts` how it sees the connection, and passes
 * what is below `/upstream` on to a server of ours.
 */
export async function startNginx(
  identities: Identities,
  { version, kind, demandsClients = false, upstreamPort }: ProxyOptions & { readonly upstreamPort?: number },
): Promise<Program & { readonly port: number; readonly files: string }> {
  const port = await freePort()
  const folder = join(identities.folder, `nginx-${port}`)
  const files = join(folder, 'www')
  mkdirSync(files, { recursive: true })
  const { chainFile, keyFile } = identities.server(kind)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((each) => `${each}_temp_path ${each};`)
  const facts = '$ssl_protocol $ssl_cipher $ssl_curve $ssl_server_name $ssl_session_reused $ssl_client_verify'
  const upstream = `location /upstream {
        proxy_pass https://127.0.0.1:${upstreamPort};
        proxy_ssl_verify on;
        proxy_ssl_verify_depth 3;
        proxy_ssl_trusted_certificate ${identities.authorityFile};
        proxy_ssl_server_name on;
        proxy_ssl_name ${hostName};
        proxy_ssl_protocols ${version};
        proxy_ssl_certificate ${identities.client.chainFile};
        proxy_ssl_certificate_key ${identities.client.keyFile};
      }`
  const configuration = `
    daemon off;
    master_process off;
    pid nginx.pid;
    error_log stderr info;
    events { worker_connections 64; }
    http {
      access_log off;
      client_max_body_size 100m;
      ${temporary.join('\n')}
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${chainFile};
        ssl_certificate_key ${keyFile};
        ssl_protocols ${version};
        ssl_client_certificate ${identities.authorityFile};
        ssl_verify_client ${demandsClients ? 'on' : 'off'};
        ssl_verify_depth 3;
        location / { root ${files}; dav_methods PUT; }
        ssl_early_data on;
        location = /early { default_type text/plain; return 200 "early $ssl_early_data"; }
        location = /unsafe { if ($ssl_early_data) { return 425; } return 200; }
        location = /facts { default_type text/plain; return 200 "${facts}"; }
        ${upstreamPort === undefined ? '' : upstream}
      }
    }`
  writeFileSync(join(folder, 'nginx.conf'), configuration)
  const program = new Program('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'stderr'])
  await program.listensOn(port)
  return Object.assign(program, { port, files })
}

/** A haproxy that takes TLS off and passes plain bytes on, to a server on another port; it prints how it saw each connection. */
export function startHaproxy(
  identities: Identities,
  { version, kind, demandsClients = false, upstreamPort }: ProxyOptions & { readonly upstreamPort: number },
): Promise<Program & { readonly port: number }> {
  const verify = demandsClients ? 'required' : 'none'
  const restrict = `ssl-min-ver ${version} ssl-max-ver ${version}`
  return runHaproxy(identities, {
    listen: `ssl crt ${identities.server(kind).bundleFile} ${restrict} ca-file ${identities.authorityFile} verify ${verify}`,
    log: '%sslv %sslc %[ssl_fc_sni] %[ssl_c_s_dn(CN)] %[ssl_fc_is_resumed]',
    upstream: `127.0.0.1:${upstreamPort}`,
  })
}

/** A haproxy that takes plain bytes and passes them on by TLS to a server of ours. */
export function startHaproxyClient(
  identities: Identities,
  { version, upstreamPort }: ProxyOptions & { readonly upstreamPort: number },
): Promise<Program & { readonly port: number }> {
  const restrict = `ssl-min-ver ${version} ssl-max-ver ${version}`
  const verification = `verify required ca-file ${identities.authorityFile} sni str(${hostName}) verifyhost ${hostName}`
  return runHaproxy(identities, {
    listen: '',
    log: '%[ssl_bc_protocol] %[ssl_bc_cipher] %[ssl_bc_is_resumed]',
    upstream: `127.0.0.1:${upstreamPort} ssl ${restrict} ${verification} crt ${identities.client.bundleFile}`,
  })
}

async function runHaproxy(
  { folder }: Identities,
  { listen, log, upstream }: { readonly listen: string; readonly log: string; readonly upstream: string },
): Promise<Program & { readonly port: number }> {
  const port = await freePort()
  const file = join(folder, `haproxy-${port}.cfg`)
  const configuration = `
global
  log stdout format raw local0
defaults
  mode tcp
  log global
  timeout connect 10s
  timeout client 30s
  timeout server 30s
listen tls
  bind 127.0.0.1:${port} ${listen}
  log-format "saw ${log}"
  server one ${upstream}
`
  writeFileSync(file, configuration)
  const program = new Program('haproxy', ['-db', '-f', file])
  await program.listensOn(port)
  return Object.assign(program, { port })
}
