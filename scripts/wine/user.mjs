// Makes every file of tests a user of its own: Wine keeps each key that is imported, into memory alone as well, in one container by the name of
// the user, where the next overwrites it, also that of another process.
import { basename } from 'node:path'
import { argv, env } from 'node:process'

if (argv[1] !== undefined) env.WINEUSERNAME = basename(argv[1], '.test.js')
