// Signatures of Standard Webhooks 1.0.0 (https://www.standardwebhooks.com), scheme v1: HMAC-SHA256 over id, time and body.
import { setupError, WatchwordError } from './errors.js'
import type { WebhookDelivery } from './webhook.js'

/** What the specification lets a secret of this scheme have ("Signature scheme"). */
const SECRET_BYTES = { min: 24, max: 64 }

const BASE64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

/** A full stop would let one part of the signed text be read as two ("Signature scheme"). */
const ID = /^[\x21-\x2d\x2f-\x7e]{1,256}$/

/** Read a secret as it is handed over, with or without its `whsec_`. */
export function requireSecret(text: string | undefined): Uint8Array<ArrayBuffer> {
  if (!text) throw setupError('MISSING_SECRET', 'secret is missing or empty: is its environment variable set?')
  const encoded = text.replace(/^whsec_/, '')
  const secret = BASE64.test(encoded) ? fromBase64(encoded) : new Uint8Array()
  if (secret.length < SECRET_BYTES.min || secret.length > SECRET_BYTES.max) {
    throw setupError('WRONG_SECRET', `secret is no signing secret: those are whsec_ and ${SECRET_BYTES.min} to ${SECRET_BYTES.max} bytes in base64.`)
  }
  return secret
}

/** Read the headers and refuse what was sent too long ago, or will be: a delivery that was overheard is worth little. */
export function requireHeaders(headers: Headers, toleranceSeconds: number): WebhookDelivery & { signatures: string[] } {
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => headers.get(name) ?? '')
  if (!ID.test(id!) || !/^\d{1,12}$/.test(timestamp!) || !signatures) {
    throw refusal('WRONG_HEADERS', 'The headers webhook-id, webhook-timestamp and webhook-signature are required, once each.')
  }
  // Turned round, so that a tolerance that is no number refuses.
  if (!(Math.abs(Math.floor(Date.now() / 1000) - Number(timestamp)) <= toleranceSeconds)) {
    throw refusal('WRONG_TIMESTAMP', 'webhook-timestamp is too far from the time here.')
  }
  return { id: id!, timestamp: Number(timestamp), signatures: signatures.split(' ') }
}

/** Refuse a body that none of the signatures is of; a sender whose secret changes signs with the old one too. */
export async function requireSignature(secret: Uint8Array<ArrayBuffer>, { id, timestamp }: WebhookDelivery, signatures: string[], body: Uint8Array) {
  const head = new TextEncoder().encode(`${id}.${timestamp}.`)
  const signed = new Uint8Array(head.length + body.length)
  signed.set(head)
  signed.set(body, head.length)
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  // Computed once, however many signatures a stranger sends.
  const right = new Uint8Array(await crypto.subtle.sign('HMAC', key, signed))
  if (!signatures.some((signature) => isSame(right, signature))) {
    throw refusal('WRONG_SIGNATURE', 'No signature of webhook-signature is of this delivery.')
  }
}

/** Refuse a delivery, by a stable code. */
export const refusal = (code: string, message: string, status = 400) => new WatchwordError({ code, message, status, name: 'WebhookRefused' })

/** Compare in a time that says nothing about where two signatures differ. */
function isSame(right: Uint8Array, signature: string): boolean {
  const [, encoded] = /^v1,(.+)$/.exec(signature) ?? []
  const given = encoded && BASE64.test(encoded) ? fromBase64(encoded) : new Uint8Array()
  if (given.length !== right.length) return false
  return right.reduce((difference, byte, place) => difference | (byte ^ given[place]!), 0) === 0
}

const fromBase64 = (text: string) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
