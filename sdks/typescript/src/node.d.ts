// The little of Node that `testing.ts` uses: this package needs no types of Node's own, and so none reach its other entries.
declare module 'node:child_process' {
  interface Readable {
    setEncoding(encoding: 'utf8'): void
    on(event: 'data', listener: (text: string) => void): void
  }
  interface Child {
    readonly stdin: { write(text: string): void; end(): void; on(event: 'error', listener: () => void): void }
    readonly stdout: Readable
    readonly stderr: Readable
    on(event: 'error', listener: (error: Error) => void): void
    on(event: 'close', listener: () => void): void
  }
  export function spawn(command: string, words: string[], options: { stdio: 'pipe'; windowsHide: true }): Child
}
