// Hooks of React over TanStack Query: what a collection holds, who is signed in, and changes to both.
import {
  useMutation,
  useQuery,
  useQueryClient,
  type QueryClient,
  type UseMutationResult,
  type UseQueryOptions,
  type UseQueryResult,
} from '@tanstack/react-query'
import { useEffect } from 'react'
import type { BrowserClient } from './browser.js'
import type { AnyCollections, Catalog } from './catalog.js'
import type { Collection, Entry, Page, Result } from './collection.js'
import { WatchwordError } from './errors.js'
import type { FindOptions } from './query.js'
import type { User } from './session.js'
import type { SignedIn } from './users.js'

/** TanStack's own options of a query; `retry` is off unless given, for the client tries again by itself. */
export type QuerySettings<T> = Omit<UseQueryOptions<T, WatchwordError>, 'queryKey' | 'queryFn'>

/** Names of the collections that a browser may write. */
type Written<E extends Entry> = E['public'] extends false ? unknown : never

/** The hooks of a client; `error` is a `WatchwordError` everywhere. */
export interface Hooks<C extends Catalog<C> = AnyCollections> {
  /** A page of a collection: `data` has `docs` and `pagination`. */
  useCollection<S extends keyof C & string>(
    slug: S,
    options?: FindOptions<C[S]['document']>,
    settings?: QuerySettings<Page<C[S]['document']>>,
  ): UseQueryResult<Page<C[S]['document']>, WatchwordError>
  /** One document; nothing is asked for while there is no id. */
  useDocument<S extends keyof C & string>(
    slug: S,
    id: string | undefined,
    settings?: QuerySettings<C[S]['document']>,
  ): UseQueryResult<C[S]['document'], WatchwordError>
  /** Who is signed in; `data` is null where nobody is. */
  useUser(settings?: QuerySettings<User | null>): UseQueryResult<User | null, WatchwordError>
  /** Sign in. */
  useLogin(): UseMutationResult<SignedIn, WatchwordError, { email: string; password: string }>
  /** Sign out. */
  useLogout(): UseMutationResult<void, WatchwordError, void>
  /** Create a document; lists and documents of its collection are asked for anew, as after every change. */
  useCreate<S extends keyof C & string>(
    slug: S & Written<C[S]>,
  ): UseMutationResult<C[S]['document'], WatchwordError, C[S]['create']>
  /** Change a document. */
  useUpdate<S extends keyof C & string>(
    slug: S & Written<C[S]>,
  ): UseMutationResult<C[S]['document'], WatchwordError, { id: string; data: C[S]['change'] }>
  /** Delete a document, by its id. */
  useRemove<S extends keyof C & string>(slug: S & Written<C[S]>): UseMutationResult<C[S]['document'], WatchwordError, string>
}

const NOBODY = [401, 403, 419]

/**
 * Make the hooks of a client, once beside it; they work under TanStack's `QueryClientProvider`.
 *
 * What was read is forgotten and asked for anew when somebody signs in or out and when a session has ended, so that
 * nobody is shown what another person could see. What they read stands under `name` in the `QueryClient`: two clients
 * that share one need two names.
 */
export function createHooks<C extends Catalog<C> = AnyCollections>(client: BrowserClient<C>, name = 'watchword'): Hooks<C> {
  const from = client.from as unknown as (slug: string) => Collection<Entry>
  const caches = new Set<QueryClient>()
  client.onAuthStateChange(() => caches.forEach((cache) => void cache.resetQueries({ queryKey: [name] })))

  function useCache(): QueryClient {
    const cache = useQueryClient()
    // Not while it renders: a server that makes pages ready has a cache for each of them.
    useEffect(() => void caches.add(cache), [cache])
    return cache
  }

  function useRead<T>(key: unknown[], read: () => Promise<T>, settings: QuerySettings<T> = {}) {
    useCache()
    return useQuery<T, WatchwordError>({ retry: false, ...settings, queryKey: [name, ...key], queryFn: read })
  }

  function useChange<V>(slug: string, change: (collection: Collection<Entry>, given: V) => Promise<Result<object>>) {
    const cache = useCache()
    return useMutation<object, WatchwordError, V>({
      mutationFn: async (given) => dataOf(await change(from(slug), given)),
      onSuccess: () => cache.invalidateQueries({ queryKey: [name, slug] }),
    })
  }

  const { users } = client.collections

  async function readUser(): Promise<User | null> {
    if (client.signedIn === false) return null
    try {
      return (await users.me()).user
    } catch (error) {
      // Where there was no cookie, or the session has ended, the client key alone has been asked who it is.
      if (!client.signedIn && error instanceof WatchwordError && NOBODY.includes(error.status)) return null
      throw error
    }
  }

  const hooks: Hooks = {
    useCollection: (slug, options, settings) =>
      useRead([slug, 'list', options], async () => dataOf(await from(slug).find(options)), settings),
    useDocument: (slug, id, settings) =>
      useRead([slug, 'one', id], async () => dataOf(await from(slug).findById(id!)), {
        ...settings,
        enabled: id === undefined ? false : (settings?.enabled ?? true),
      }),
    useUser: (settings) => useRead(['users', 'me'], readUser, settings),
    useLogin: () => (useCache(), useMutation({ mutationFn: users.login })),
    useLogout: () => (useCache(), useMutation({ mutationFn: () => users.logout() })),
    useCreate: (slug) => useChange(slug, (collection, data: object) => collection.create(data)),
    useUpdate: (slug) => useChange(slug, (collection, { id, data }: { id: string; data: object }) => collection.update(id, data)),
    useRemove: (slug) => useChange(slug, (collection, id: string) => collection.remove(id)),
  }
  return hooks as unknown as Hooks<C>
}

function dataOf<T>({ data, error }: Result<T>): T {
  if (error) throw error
  return data as T
}
