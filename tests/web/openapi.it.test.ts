import { ROUTES, type RouteKey } from '@weir/db/contracts'
import { createTestDatabase, type TestDatabase } from '@weir/db/testing'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { API } from '../../apps/web/server/api.ts'
import { type Caller, firstAdmin, startWeb, type Web } from './web.ts'

let database: TestDatabase
let web: Web
let admin: Caller

interface Parameter {
  name: string
  in: string
  required?: boolean
  schema?: { type?: string; enum?: string[] }
}
interface OpenApi {
  openapi: string
  info: { title: string; version: string }
  paths: Record<
    string,
    Record<string, { operationId: string; parameters?: Parameter[]; requestBody?: object; responses: Record<string, object> }>
  >
  components: { schemas: Record<string, object> }
}
let document: OpenApi

beforeAll(async () => {
  database = await createTestDatabase('postgres')
  web = await startWeb(database)
  admin = await firstAdmin(web, database)
  document = (await (await fetch(`${web.url}/api/v1/openapi.json`)).json()) as OpenApi
})
afterAll(async () => {
  await web?.stop()
  await database?.drop()
})

const keys = Object.keys(ROUTES) as RouteKey[]

describe('the OpenAPI document', () => {
  it('is of version 3.1 and describes exactly the routes there are', () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual([...keys].sort())
  })

  it('holds together: references resolve, operations have names of their own, path parameters are declared', () => {
    const text = JSON.stringify(document)
    for (const [, reference = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = reference
        .split('/')
        .reduce<unknown>((at, key) => (typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined), document)
      expect(found, reference).toBeDefined()
    }
    const names = Object.values(document.paths).flatMap((operations) => Object.values(operations).map((operation) => operation.operationId))
    expect(new Set(names).size).toBe(names.length)
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name)
        expect(declared.sort(), path).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort())
        for (const parameter of operation.parameters ?? []) expect(parameter.schema?.type, `${path} ${parameter.name}`).toBeDefined()
        expect(
          Object.keys(operation.responses).some((status) => status.startsWith('2')),
          path,
        ).toBe(true)
        if (['post', 'put', 'patch'].includes(method)) expect(operation.requestBody, path).toBeDefined()
      }
    }
  })

  it('names the parameters of top as the contract does', () => {
    const parameters = document.paths['/api/v1/top']?.get?.parameters ?? []
    expect(parameters.map((parameter) => parameter.name)).toEqual([
      'dimension',
      'from',
      'to',
      'filter',
      'metric',
      'scaled',
      'limit',
      'peak',
    ])
    expect(parameters.filter((parameter) => parameter.required).map((parameter) => parameter.name)).toEqual(['dimension'])
    expect(parameters.find((parameter) => parameter.name === 'metric')?.schema?.enum).toEqual(['bytes', 'packets', 'flows'])
  })

  const reads = keys.filter((key) => key.startsWith('GET ') && !key.includes('{'))
  it.each(reads)('%s answers, in the shape that is written there', async (key) => {
    const target = key.slice(4) + (key.endsWith('/top') ? '?dimension=src_addr' : '')
    const response = await admin.get(target)
    expect(response.status).toBe(200)
    const shape: z.ZodType = API[key].answer ?? z.never()
    const read = shape.safeParse(await response.json())
    expect(read.error === undefined ? '' : z.prettifyError(read.error)).toBe('')
  })
})
