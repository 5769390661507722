// jose: an API of one's own verifies an access token offline (RFC 9068 §4).
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { given, refusal, tell } from './harness.mjs'

const keys = createRemoteJWKSet(new URL(given.jwks_uri))
const wanted = { issuer: given.issuer, audience: given.audience, typ: 'at+jwt' }
const verify = (changes, token = given.token) => jwtVerify(token, keys, { ...wanted, ...changes })
const code = async (promise) => (await refusal(promise)).code

const { payload } = await verify({})
const [header, , signature] = given.token.split('.')
const forged = Buffer.from(JSON.stringify({ ...payload, sub: 'somebody else' })).toString('base64url')

tell({
  claims: payload,
  refused: {
    audience: await code(verify({ audience: 'https://elsewhere.example' })),
    issuer: await code(verify({ issuer: given.elsewhere })),
    typ: await code(verify({ typ: 'JWT' })),
    changed: await code(verify({}, [header, forged, signature].join('.'))),
  },
})
