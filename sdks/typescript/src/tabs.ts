// Tabs of one site: they tell each other, and one at a time does what only one should do.

export interface Tabs<T> {
  /** Tell the other tabs. */
  tell(news: T): void
  /** Do something while no other tab does; `waited` says that another one has just done it. */
  alone(work: (waited: boolean) => Promise<void>): Promise<void>
  /** Wait for what the other tab has told, which comes by another way than the lock; not for ever. */
  news(): Promise<void>
}

const NEWS_MS_MAX = 1000

/** Join the tabs of a name; where the browser offers neither channel nor lock, each tab is alone. */
export function makeTabs<T>(name: string, hear: (news: T) => void): Tabs<T> {
  const channel = globalThis.BroadcastChannel && new BroadcastChannel(name)
  const locks = globalThis.navigator?.locks
  let heard = () => {}
  if (channel) {
    channel.onmessage = (event: MessageEvent<T>) => {
      hear(event.data)
      heard()
    }
    ;(channel as { unref?: () => void }).unref?.()
  }
  return {
    tell: (news) => channel?.postMessage(news),
    async alone(work) {
      if (!locks) return work(false)
      const was = await locks.request(name, { ifAvailable: true }, async (lock) => lock && (await work(false), lock))
      if (!was) await locks.request(name, () => work(true))
    },
    news: () =>
      new Promise((resolve) => {
        heard = resolve
        setTimeout(resolve, NEWS_MS_MAX)
      }),
  }
}
