// What a list is asked for, and the query string of it.

type Scalar = string | number | boolean | Date
type Operators<V> = {
  equals?: V
  not_equals?: V
  in?: readonly V[]
  not_in?: readonly V[]
  greater_than?: V
  greater_than_equal?: V
  less_than?: V
  less_than_equal?: V
  exists?: boolean
  contains?: string
  not_like?: string
  like?: string
}

/** Conditions by field; all of them must hold. */
export type Where<T> = { [K in keyof T & string]?: Operators<NonNullable<T[K]> & Scalar> } & {
  and?: readonly Where<T>[]
  or?: readonly Where<T>[]
}

/** What a list is asked for. */
export interface FindOptions<T> {
  /** Documents on a page: 10 unless given, 100 at most. */
  limit?: number
  page?: number
  /** In place of `page`: the `nextCursor` of the page before, as fast at any depth. */
  after?: string
  /** Up to three fields; `-` before one turns it round. */
  sort?: SortField<T> | readonly SortField<T>[]
  where?: Where<T>
  /** Fields to take (`true`) or to leave out (`false`); `id` always stays. */
  select?: { [K in keyof T & string]?: boolean }
}

type SortField<T> = (keyof T & string) | `-${keyof T & string}`

/** Write options as a query string with its question mark; empty where there is nothing to say. */
export function writeQuery(options: object = {}): string {
  const query = new URLSearchParams()
  const add = (name: string, value: unknown): void => {
    if (value === undefined) return
    if (value instanceof Date) query.append(name, value.toISOString())
    else if (typeof value !== 'object' || value === null) query.append(name, String(value))
    else for (const [key, inner] of Object.entries(value)) add(`${name}[${key}]`, inner)
  }
  for (const [name, value] of Object.entries(options)) add(name, name === 'sort' && value ? String(value) : value)
  return query.size ? `?${query}` : ''
}
