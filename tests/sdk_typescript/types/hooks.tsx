// What components may ask of the hooks, and what the compiler refuses.
import { createBrowserClient, WatchwordError, type Product } from '@watchword/sdk'
import { createHooks } from '@watchword/sdk/react'
import type { Collections } from './generated.js'

const { useCollection, useCreate, useDocument, useLogin, useRemove, useUpdate, useUser } = createHooks(
  createBrowserClient({ clientKey: 'pk_live_x' }),
)

export function Component({ id }: { id: string | undefined }) {
  const { data: page, error } = useCollection('products', { where: { price: { less_than: 500 } } }, { staleTime: 60_000 })
  const products: Product[] | undefined = page?.docs
  const refused: WatchwordError | null = error
  const { data: product } = useDocument('products', id)
  const { data: user } = useUser()
  // @ts-expect-error there may be nobody
  const email: string = user.email
  useLogin().mutate({ email, password: 'x' })
  // @ts-expect-error a password is needed
  useLogin().mutate({ email })
  // @ts-expect-error no such field
  useCollection('products', { sort: 'colour' })
  // @ts-expect-error what is asked for is the hook's own business
  useCollection('products', {}, { queryKey: ['mine'] })
  // Orders are not public: a signed-in editor may write them.
  useUpdate('orders').mutate({ id: 'ord_1', data: { status: 'paid' } })
  useRemove('orders').mutate('ord_1')
  // @ts-expect-error no such status
  useUpdate('orders').mutate({ id: 'ord_1', data: { status: 'lost' } })
  // @ts-expect-error products are public: a browser does not create them
  useCreate('products')
  return <p title={product?.name}>{refused?.code ?? products?.length}</p>
}

const generated = createHooks(createBrowserClient<Collections>({ clientKey: 'pk_live_x' }))

export function Generated() {
  const { data: orders } = generated.useCollection('orders')
  // @ts-expect-error no such collection
  generated.useCollection('posts')
  return <p>{orders?.docs[0]?.orderNumber}</p>
}
