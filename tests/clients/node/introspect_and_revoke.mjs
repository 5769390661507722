// openid-client: what a token is worth now (RFC 7662), and its end before its time (RFC 7009).
import * as client from 'openid-client'
import { given, refusal, tell } from './harness.mjs'
import { discover } from './openid.mjs'

const config = await discover()
const { access_token } = await client.clientCredentialsGrant(config, { scope: 'products:read' })
const living = await client.tokenIntrospection(config, access_token)
await client.tokenRevocation(config, access_token)
const dead = await client.tokenIntrospection(config, access_token)
const unknown = await client.tokenIntrospection(config, 'at_unknown')
const read = await refusal(client.fetchProtectedResource(config, access_token, new URL(given.api), 'GET'))

tell({ living, dead, unknown, read })
