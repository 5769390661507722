// openid-client: a device without a browser shows a code, and a person allows it on another machine.
import * as client from 'openid-client'
import { given, open, tell } from './harness.mjs'
import { discover } from './openid.mjs'

const config = await discover()
const device = await client.initiateDeviceAuthorization(config, { scope: given.scope })
await open(device.verification_uri_complete)
const tokens = await client.pollDeviceAuthorizationGrant(config, device)
const answer = await client.fetchProtectedResource(config, tokens.access_token, new URL(given.api), 'GET')

tell({ device: { ...device, device_code: undefined }, status: answer.status, scope: tokens.scope })
