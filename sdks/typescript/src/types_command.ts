// `npx @watchword/sdk types`: the collections of a server as TypeScript, from its OpenAPI document.
import { findBaseUrl } from './base_url.js'
import { WatchwordError } from './errors.js'
import { makeSend } from './transport.js'

/** Where a command's words go. */
export interface Output {
  print: (text: string) => void
  complain: (text: string) => void
}

const USAGE = `Write the collections of a Watchword server as TypeScript:

  npx @watchword/sdk types --url https://api.example.com > types.ts

Without --url the environment variable WATCHWORD_URL counts. Then:

  import type { Collections } from './types'
  const client = createBrowserClient<Collections>({ … })
`

/** Do what the command line says and return the exit code. */
export async function main(words: readonly string[], fromEnvironment: string | undefined, { print, complain }: Output): Promise<number> {
  const [verb, flag, url, ...rest] = words
  if (verb !== 'types' || (flag !== undefined && (flag !== '--url' || !url)) || rest.length) {
    complain(USAGE)
    return 2
  }
  try {
    const baseUrl = findBaseUrl(url ?? fromEnvironment)
    const { body } = await makeSend(baseUrl, {}, {})({ method: 'GET', path: '/api/openapi.json' })
    print(writeTypes(body as OpenApi, baseUrl))
    return 0
  } catch (error) {
    if (!(error instanceof WatchwordError)) throw error
    complain(error.message)
    return 1
  }
}

type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  description?: string
}
type Content = { content?: { 'application/json'?: { schema?: Schema } } }
type Operation = { security?: Record<string, unknown>[]; requestBody?: Content; responses?: Record<string, Content> }

/** What is read of an OpenAPI document. */
export interface OpenApi {
  paths: Record<string, Partial<Record<'get' | 'post' | 'patch', Operation>>>
  components?: { schemas?: Record<string, Schema> }
}

/** Write the collections of an OpenAPI document. */
export function writeTypes(api: OpenApi, baseUrl: string): string {
  const entries = Object.entries(api.paths).flatMap(([path, list]) => {
    const slug = /^\/api\/([\w-]+)$/.exec(path)?.[1]
    const page = resolve(api, answerOf(list.get))
    const one = api.paths[`${path}/{id}`]
    if (!slug || !list.get || !one?.get || !page?.properties?.docs || !page.properties.totalDocs) return []
    const made = resolve(api, answerOf(list.post))?.properties?.doc
    const type = (schema: Schema | undefined) => (schema ? write(api, schema, 2) : 'never')
    return [
      `  ${quoted(slug)}: {`,
      `    document: ${type(made ?? answerOf(one.get))}`,
      `    create: ${type(bodyOf(list.post))}`,
      `    change: ${type(bodyOf(one.patch))}`,
      `    public: ${!!list.get.security?.some((way) => 'publishableKey' in way)}`,
      '  }',
    ]
  })
  return [
    `// The collections of ${baseUrl}, written by \`npx @watchword/sdk types\`: write them anew when they change.`,
    '',
    'export interface Collections {',
    ...entries,
    '}',
    '',
  ].join('\n')
}

const schemaOf = (content: Content | undefined) => content?.content?.['application/json']?.schema
const bodyOf = (operation: Operation | undefined) => schemaOf(operation?.requestBody)
const answerOf = ({ responses = {} }: Operation = {}) => schemaOf(responses['200'] ?? responses['201'])

function resolve(api: OpenApi, schema: Schema | undefined): Schema | undefined {
  return schema?.$ref ? resolve(api, api.components?.schemas?.[schema.$ref.split('/').pop()!]) : schema
}

const quoted = (name: string) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name))

/** Write a schema as a type; `depth` is how far in its lines stand, and stops one that holds itself. */
function write(api: OpenApi, given: Schema, depth: number): string {
  const schema = resolve(api, given)
  if (!schema || depth > 20) return 'unknown'
  const union = (types: string[]) => [...new Set(types)].join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)))
  const options = schema.anyOf ?? schema.oneOf
  if (options) return union(options.map((option) => write(api, option, depth)))
  if (schema.allOf) return schema.allOf.map((part) => `(${write(api, part, depth)})`).join(' & ')
  const types = schema.type === undefined ? [schema.properties ? 'object' : 'unknown'] : [schema.type].flat()
  return union(types.map((type) => writePlain(api, schema, type, depth)))
}

function writePlain(api: OpenApi, schema: Schema, type: string, depth: number): string {
  if (type === 'integer' || type === 'number') return 'number'
  if (type === 'array') return schema.items ? `(${write(api, schema.items, depth)})[]` : 'unknown[]'
  if (type !== 'object') return ['string', 'boolean', 'null'].includes(type) ? type : 'unknown'
  if (!schema.properties) {
    const values = schema.additionalProperties
    return `Record<string, ${typeof values === 'object' ? write(api, values, depth) : 'unknown'}>`
  }
  const indent = '  '.repeat(depth + 1)
  const lines = Object.entries(schema.properties).flatMap(([name, field]) => [
    // What ends a comment must not come out of a description.
    ...(field.description ? [`${indent}/** ${field.description.replace(/\*\//g, '* /').replace(/\s+/g, ' ')} */`] : []),
    `${indent}${quoted(name)}${schema.required?.includes(name) ? '' : '?'}: ${write(api, field, depth + 1)}`,
  ])
  return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`
}
