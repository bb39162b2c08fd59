import { opensslPeer } from './support/parameter-peers.ts'
import { testParameters } from './support/parameters.ts'

testParameters(opensslPeer)
