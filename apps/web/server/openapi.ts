import { ProblemDetails, ROUTES, type RouteKey } from '@weir/db/contracts'
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from 'zod-openapi'
import manifest from '../package.json' with { type: 'json' }
import { API, COMPONENTS, type Operation } from './api.ts'

let made: Record<string, unknown> | undefined

/** The OpenAPI 3.1 document, generated once from the shapes the routes parse with. */
export function openApi(): Record<string, unknown> {
  made ??= { ...build() }
  return made
}

const problem = (description: string) => ({ description, content: { 'application/problem+json': { schema: ProblemDetails } } })

/** What a request carries: JSON, or for bulk routes JSON or NDJSON. */
function requestBody({ body, bulk }: Operation) {
  const schema = body ?? bulk
  if (schema === undefined) return {}
  const types = bulk === undefined ? ['application/json'] : ['application/json', 'application/x-ndjson']
  return { requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, { schema }])) } }
}

function describe(key: RouteKey, operation: Operation): ZodOpenApiOperationObject {
  const action = ROUTES[key]
  const [method = '', path = ''] = key.split(' ')
  const words = path.replace('/api/v1/', '').split(/[/{}.-]+/)
  const status = operation.status ?? (operation.answer === null ? 204 : 200)
  return {
    operationId: [method.toLowerCase(), ...words.filter((word) => word !== '').map((word) => word[0]?.toUpperCase() + word.slice(1))].join(
      '',
    ),
    tags: [operation.tag],
    summary: operation.summary,
    description: [operation.description, action === 'open' ? 'Needs no session.' : `Asks for the permission \`${action}\`.`]
      .filter((text) => text !== undefined)
      .join('\n\n'),
    ...(action === 'open' ? { security: [] } : {}),
    ...(operation.path === undefined && operation.query === undefined
      ? {}
      : {
          requestParams: {
            ...(operation.path === undefined ? {} : { path: operation.path }),
            ...(operation.query === undefined ? {} : { query: operation.query }),
          },
        }),
    ...requestBody(operation),
    responses: {
      [`${status}` as '200']:
        operation.answer === null
          ? { description: 'Done.' }
          : { description: operation.summary, content: { 'application/json': { schema: operation.answer } } },
      ...(operation.query === undefined && operation.body === undefined && operation.bulk === undefined
        ? {}
        : { '400': problem('A parameter or the body is not valid.') }),
      ...(action === 'open' ? {} : { '401': problem('No session and no valid token.'), '403': problem('The role does not allow it.') }),
      ...(operation.path === undefined ? {} : { '404': problem('Nothing with this identifier.') }),
      default: problem('Any other refusal or failure; `remedy` says what to do.'),
    },
  }
}

function build() {
  const paths: ZodOpenApiPathsObject = {}
  for (const key of Object.keys(API) as RouteKey[]) {
    const [method = '', path = ''] = key.split(' ')
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(key, API[key]) }
  }
  return createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Weir',
      version: manifest.version,
      description:
        'Flow monitoring: who talks to whom. Byte and packet values are multiplied by the sampling rate unless `scaled=false`. Times are UTC. ' +
        'Errors are problem details (RFC 9457) with a `remedy`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ session: [] }, { token: [] }],
    tags: [
      { name: 'traffic', description: 'What flowed. Viewers and managers see networks in place of single addresses.' },
      { name: 'anomalies', description: 'What the detectors found, what people decided about it, and what is suppressed.' },
      { name: 'blocks', description: 'Simulate, request, approve, withdraw; what devices carry and whether it works.' },
      { name: 'inventory', description: 'Exporters, interfaces, services, home networks.' },
      { name: 'accounts', description: 'People, sessions and API tokens.' },
      { name: 'audit', description: 'Who did what: an append-only chain of hashes with signed checkpoints.' },
      { name: 'system', description: 'The product itself.' },
    ],
    paths,
    components: {
      schemas: { ...COMPONENTS, ProblemDetails },
      securitySchemes: {
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'weir-session',
          description: 'Set by POST /api/v1/session; named __Host-weir-session where Weir is reached by https.',
        },
        token: { type: 'http', scheme: 'bearer', description: 'Made in the settings, or with: bin/weir token create --name N --role ROLE' },
      },
    },
  })
}
