import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './ports.ts'
import { Program } from './program.ts'
import { fileIn, giveTo, homeIn, must, running, type Start, unpacked } from './server-folders.ts'

/** INN, with one group, in which everybody may post who has come to TLS. */
export const startINN: Start = async ({ folder, certificate, key, authority }) => {
  const home = homeIn(folder, 'news', 'news')
  const folders = ['etc', 'db', 'spool', 'overview', 'run', 'log', 'tmp'].map((name) => homeIn(home, name, 'news'))
  const [etc = '', db = ''] = folders
  // Its user may not look into the folder where it was unpacked.
  const programs = join(home, 'programs')
  cpSync(join(unpacked, 'usr/lib/news'), programs, { recursive: true, verbatimSymlinks: true })
  const file = (directory: string, name: string, text: string): string => {
    const path = fileIn(directory, name, text)
    giveTo(path, 'news')
    return path
  }
  const ownKey = file(etc, 'key.pem', readFileSync(key, 'utf8'))
  const configuration = file(
    etc,
    'inn.conf',
    `mta: "/bin/true"
ovmethod: tradindexed
hismethod: hisv6
domain: server.test
pathhost: news.server.test
pathnews: ${home}
pathbin: ${programs}/bin
pathetc: ${etc}
pathdb: ${db}
pathspool: ${home}/spool
patharticles: ${home}/spool
pathoutgoing: ${home}/tmp
pathoverview: ${home}/overview
pathrun: ${home}/run
pathlog: ${home}/log
pathtmp: ${home}/tmp
enableoverview: true
nnrpdauthsender: false
pgpverify: false
tlscertfile: ${certificate}
tlskeyfile: ${ownKey}
tlscafile: ${authority}
`,
  )
  file(etc, 'storage.conf', 'method tradspool {\n    newsgroups: *\n    class: 0\n}\n')
  file(etc, 'newsfeeds', 'ME:!*::\nnobody:!*:Tf:nobody\n')
  file(etc, 'incoming.conf', '')
  file(etc, 'control.ctl', 'all:*:*:drop\n')
  file(etc, 'expire.ctl', '*:A:1:10:never\n')
  file(
    etc,
    'readers.conf',
    `auth all {
    hosts: "*"
    default: "somebody"
}
access all {
    users: "*"
    newsgroups: "*"
    access: RPA
}
`,
  )
  const group = (name: string, mode: string): string => `${name} 0000000000 0000000001 ${mode}\n`
  file(
    db,
    'active',
    group('control', 'n') + group('control.cancel', 'n') + group('junk', 'n') + group('local.test', 'y'),
  )
  file(db, 'newsgroups', 'local.test\tfor tests\n')
  file(db, 'history', '')
  const port = await freePort()
  const asNews = ['--reuid=news', '--regid=news', '--clear-groups']
  const environment = ['env', `INNCONF=${configuration}`, `LD_LIBRARY_PATH=${programs}`]
  must('setpriv', [
    ...asNews,
    ...environment,
    `${programs}/bin/makedbz`,
    '-i',
    '-o',
    '-s',
    '1000',
    '-f',
    `${db}/history`,
  ])
  const innd = [`${programs}/bin/innd`, '-d', '-f', '-4', '127.0.0.1', '-P', `${port}`]
  return running(new Program('setpriv', [...asNews, ...environment, ...innd]), { nntp: port })
}
