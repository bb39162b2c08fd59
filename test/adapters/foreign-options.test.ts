import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client as DirectoryClient } from 'ldapts'
import { createTransport } from 'nodemailer'
import pg from 'pg'
import { ConfigurationError } from 'polytls'
import { ldaptsConnection } from 'polytls/ldapts'
import { nodemailerSocket } from 'polytls/nodemailer'
import { pgStream } from 'polytls/pg'
import { postgresSocket } from 'polytls/postgres'
import postgres from 'postgres'
import { leavesNothing } from '../peers/support/leftovers.ts'
import { host, ours } from './sites.ts'

// Nothing listens at port 1, and nobody gets as far.
const setup = ours.client

test('what a program tells nodemailer of TLS is refused', () =>
  leavesNothing(async () => {
    const getSocket = nodemailerSocket(setup)
    const mailer = createTransport({ host, port: 1, getSocket, tls: { minVersion: 'TLSv1.3' } })
    await assert.rejects(mailer.sendMail({ to: 'bob@server.test' }), refusalOf('tls.minVersion'))
  }))

test('what a program tells ldapts of TLS is refused', () =>
  leavesNothing(async () => {
    const createSecureConnection = ldaptsConnection(setup)
    const tlsOptions = { rejectUnauthorized: false }
    const client = new DirectoryClient({ url: `ldaps://${host}:1`, createSecureConnection, tlsOptions })
    await assert.rejects(client.bind('cn=x', 'secret'), refusalOf('tlsOptions.rejectUnauthorized'))
  }))

test('PostgreSQL is not asked for TLS inside of TLS', () =>
  leavesNothing(async () => {
    const connectionString = `postgres://alice@${host}:1/shop?sslmode=require`
    assert.throws(() => new pg.Client({ ...pgStream(setup), connectionString }), refusalOf('ssl'))
    const sql = postgres(`postgres://alice@${host}:1/shop`, { ...postgresSocket(setup), ssl: 'require' })
    await assert.rejects(async () => await sql`select 1`, refusalOf('ssl'))
    await sql.end()
  }))

function refusalOf(field: string): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof ConfigurationError && error.field === field, String(error))
    return true
  }
}
