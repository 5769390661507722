// A collection's documents: read, counted, walked through page by page, and written where the types allow it.
import { WatchwordError } from './errors.js'
import { segment } from './path.js'
import { writeQuery, type FindOptions } from './query.js'
import type { Answer, RateLimit, Request, Send } from './transport.js'

/** What came of a request: `data`, or the `error` in its place. */
export type Result<T> =
  | { data: T; error?: undefined; rateLimit: RateLimit | undefined }
  | { data?: undefined; error: WatchwordError; rateLimit?: undefined }

/** Where a page stands in its list. */
export interface Pagination {
  totalDocs: number
  /** True where a filter left more than could be counted: `totalDocs` is the least there are. */
  totalDocsIsBound?: boolean
  limit: number
  totalPages: number
  page: number | null
  hasPrevPage: boolean
  hasNextPage: boolean
  prevPage: number | null
  nextPage: number | null
  nextCursor: string | null
}

/** One page of a list. */
export interface Page<T> {
  docs: T[]
  pagination: Pagination
}

/** A collection as types describe it; `public` ones are read-only for browsers. */
export interface Entry {
  document: object
  create: object
  change: object
  public: boolean
}

/** Reading a collection. */
export interface ReadCollection<E extends Entry> {
  /** Get a page of documents. */
  find(options?: FindOptions<E['document']>): Promise<Result<Page<E['document']>>>
  /** Get one document; `data` is undefined where there is none. */
  findById(id: string): Promise<Result<E['document']>>
  /** Count documents. */
  count(options?: Pick<FindOptions<E['document']>, 'where'>): Promise<Result<{ totalDocs: number; totalDocsIsBound?: boolean }>>
  /** Walk through all pages from here on; a failure is thrown. */
  pages(options?: FindOptions<E['document']>): AsyncGenerator<Page<E['document']>, void>
  /** Walk through all documents; a failure is thrown. */
  all(options?: FindOptions<E['document']>): AsyncGenerator<E['document'], void>
}

/** Reading and writing a collection. */
export interface Collection<E extends Entry> extends ReadCollection<E> {
  create(data: E['create']): Promise<Result<E['document']>>
  update(id: string, data: E['change']): Promise<Result<E['document']>>
  /** Delete a document and get it back. */
  remove(id: string): Promise<Result<E['document']>>
}

/** Send and give what `read` makes of the answer, or the error. */
export async function resultOf<T>(send: () => Promise<Answer>, read: (body: any) => T): Promise<Result<T>> {
  try {
    const { body, rateLimit } = await send()
    return { data: read(body), rateLimit }
  } catch (error) {
    if (error instanceof WatchwordError) return { error }
    throw error
  }
}

/** Make the collection of a name. */
export function makeCollection<E extends Entry>(send: Send, slug: string): Collection<E> {
  type T = E['document']
  const path = `/api/${segment(slug)}`
  const one = (id: string) => `${path}/${segment(id)}`
  const written = (request: () => Request) => resultOf<T>(async () => send(request()), (body) => body.doc)

  async function* pages(options: FindOptions<T> = {}) {
    for (let next: FindOptions<T> | undefined = options; next; ) {
      const { data, error } = await find(next)
      if (error) throw error
      yield data
      const { page: _, ...rest } = options
      next = data.pagination.nextCursor ? { ...rest, after: data.pagination.nextCursor } : undefined
    }
  }

  const find = (options?: FindOptions<T>) =>
    resultOf<Page<T>>(() => send({ method: 'GET', path: path + writeQuery(options) }), ({ docs, ...pagination }) => ({ docs, pagination }))

  return {
    find,
    findById: (id) => resultOf<T>(async () => send({ method: 'GET', path: one(id) }), (body) => body),
    count: (options) => resultOf(() => send({ method: 'GET', path: `${path}/count${writeQuery(options)}` }), (body) => body),
    pages,
    async *all(options) {
      for await (const page of pages(options)) yield* page.docs
    },
    create: (data) => written(() => ({ method: 'POST', path, json: data })),
    update: (id, data) => written(() => ({ method: 'PATCH', path: one(id), json: data })),
    remove: (id) => written(() => ({ method: 'DELETE', path: one(id) })),
  }
}
