// What goes wrong, as one class: what the server refused, what never reached it, and what was set up wrong.

/** One field that the server did not take. */
export interface FieldFault {
  path: string
  message: string
}

/** What an error is made of; `code` is stable, `message` is for people and may change. */
export interface ErrorParts {
  code: string
  message: string
  name?: string
  status?: number
  requestId?: string | undefined
  retryAfter?: number | undefined
  fields?: FieldFault[] | undefined
  details?: Record<string, unknown> | undefined
  cause?: unknown
}

/** Every error of this package. */
export class WatchwordError extends Error {
  /** Stable; the server's own (`FORBIDDEN`, `invalid_grant`), or one of this package (`NETWORK_ERROR`). */
  readonly code: string
  /** The HTTP status; 0 when no answer came or none was asked for. */
  readonly status: number
  /** By which the operator finds the request again. */
  readonly requestId: string | undefined
  /** Seconds to wait before the next try, where the server said so. */
  readonly retryAfter: number | undefined
  /** The fields that were not taken. */
  readonly fields: FieldFault[] | undefined
  /** What else the server says, such as the `allowed` states of an order. */
  readonly details: Record<string, unknown>

  constructor(parts: ErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause })
    this.name = parts.name ?? 'WatchwordError'
    this.code = parts.code
    this.status = parts.status ?? 0
    this.requestId = parts.requestId
    this.retryAfter = parts.retryAfter
    this.fields = parts.fields
    this.details = parts.details ?? {}
  }
}

/** An error of the set-up, which no request can mend. */
export const setupError = (code: string, message: string) => new WatchwordError({ code, message, name: 'SetupError' })
