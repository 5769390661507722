// Webhooks on the side that receives them: a signed event in, an answer out.
import { setupError, WatchwordError } from './errors.js'
import { refusal, requireHeaders, requireSecret, requireSignature } from './webhook_signature.js'

/** What happened to a document. */
export interface WebhookEvent<Document = Record<string, unknown>> {
  /** The slug of the collection. */
  collection: string
  operation: 'create' | 'update' | 'delete'
  /** The document. */
  data: Document
  /** When it happened; ISO 8601. */
  timestamp?: string
  /** The document before, where the sender tells. */
  previousDoc?: Document
}

/** How an event came: `id` is the same each time that it is sent, so that one who keeps it does nothing twice. */
export interface WebhookDelivery {
  id: string
  /** When it was sent; Unix seconds. */
  timestamp: number
}

/** Does what an event asks for. */
export type WebhookHandler<Document = Record<string, unknown>> = (event: WebhookEvent<Document>, delivery: WebhookDelivery) => unknown

/** How deliveries are proved. */
export interface WebhookOptions {
  /** The signing secret of the endpoint, which begins with `whsec_`; nothing is taken without one. */
  secret: string | undefined
  /** How far the sender's clock may be from this one; five minutes when left out. */
  toleranceSeconds?: number
}

/** More than any document, and little beside a server's memory: it is read before its sender is known. */
const BODY_BYTES_MAX = 1024 * 1024

const OPERATIONS: unknown[] = ['create', 'update', 'delete']

/**
 * Prove a delivery by its signature, give its event to the handler, and return the answer for its sender.
 *
 * 204 when the handler is done, 400, 405 or 413 for what it is never shown. What the handler throws comes through: any
 * answer but a good one has the sender try again. Throws a `WatchwordError` where the secret is missing or none, and
 * where the body was read before.
 */
export async function handleWebhook(request: Request, handler: WebhookHandler, options: WebhookOptions): Promise<Response> {
  const secret = requireSecret(options.secret)
  if (request.bodyUsed) throw setupError('BODY_USED', 'The body was read already: hand over the request as it came, since its bytes are signed.')
  let event: WebhookEvent
  let delivery: WebhookDelivery
  try {
    if (request.method !== 'POST') throw refusal('METHOD_NOT_ALLOWED', 'Webhooks are sent by POST.', 405)
    const { signatures, ...headers } = requireHeaders(request.headers, options.toleranceSeconds ?? 300)
    const body = await readBody(request)
    await requireSignature(secret, headers, signatures, body)
    event = readEvent(body)
    delivery = headers
  } catch (error) {
    if (!(error instanceof WatchwordError)) throw error
    return answerRefusal(error)
  }
  await handler(event, delivery)
  return new Response(null, { status: 204 })
}

/** Make a handler of one collection's events; those of others are left alone. */
export function createTypedWebhookHandler<Document = Record<string, unknown>>(slug: string, handler: WebhookHandler<Document>): WebhookHandler {
  return (event, delivery) => (event.collection === slug ? handler(event as WebhookEvent<Document>, delivery) : undefined)
}

/** Say whether a value has the shape of an event; who sent it is what `handleWebhook` proves. */
export function isValidWebhookEvent(event: unknown): event is WebhookEvent {
  if (!isRecord(event)) return false
  const { collection, operation, data, timestamp, previousDoc } = event
  return (
    typeof collection === 'string' &&
    collection !== '' &&
    OPERATIONS.includes(operation) &&
    isRecord(data) &&
    (timestamp === undefined || typeof timestamp === 'string') &&
    (previousDoc === undefined || isRecord(previousDoc))
  )
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = request.body?.getReader()
  for (let read = await reader?.read(); read && !read.done; read = await reader!.read()) {
    length += read.value.length
    if (length > BODY_BYTES_MAX) {
      await reader!.cancel()
      throw refusal('BODY_TOO_LARGE', 'The body is larger than events are.', 413)
    }
    chunks.push(read.value)
  }
  const body = new Uint8Array(length)
  chunks.reduce((place, chunk) => (body.set(chunk, place), place + chunk.length), 0)
  return body
}

function readEvent(body: Uint8Array): WebhookEvent {
  let event: unknown
  try {
    event = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {}
  if (!isValidWebhookEvent(event)) throw refusal('WRONG_EVENT', 'The body is no event: collection, operation and data are required.')
  return event
}

function answerRefusal({ code, message, name, status }: WatchwordError): Response {
  const headers: Record<string, string> = status === 405 ? { Allow: 'POST' } : {}
  return Response.json({ errors: [{ message, name, extensions: { code } }] }, { status, headers })
}
