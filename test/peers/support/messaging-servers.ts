import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { fileIn, homeIn, running, type Start } from './server-folders.ts'

/** Mosquitto, which lets everybody in. */
export const startMosquitto: Start = async ({ folder, certificate, key }) => {
  const home = homeIn(folder, 'mqtt')
  const port = await freePort()
  const configuration = fileIn(
    home,
    'mosquitto.conf',
    `user root
allow_anonymous true
persistence false
listener ${port} 127.0.0.1
certfile ${certificate}
keyfile ${key}
`,
  )
  return running(new Program('mosquitto', ['-c', configuration]), { mqtts: port })
}

/** Redis, in TLS alone. */
export const startRedis: Start = async ({ folder, certificate, key, authority }) => {
  const home = homeIn(folder, 'redis')
  const port = await freePort()
  const settings = {
    port: 0,
    'tls-port': port,
    'tls-cert-file': certificate,
    'tls-key-file': key,
    'tls-ca-cert-file': authority,
    'tls-auth-clients': 'no',
    bind: '127.0.0.1',
    save: '',
    dir: home,
  }
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`])
  return running(new Program('redis-server', options), { rediss: port })
}
