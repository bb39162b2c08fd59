import { gnutlsPeer } from './support/parameter-peers.ts'
import { testParameters } from './support/parameters.ts'

testParameters(gnutlsPeer)
