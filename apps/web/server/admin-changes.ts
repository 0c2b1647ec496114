import { changeAsAdmin } from '@weir/db/commands'
import type { AdminChange, AdminChangeBody, AdminChangeKind } from '@weir/db/contracts'
import { actorOf } from './actor.ts'
import { house } from './house.ts'
import type { Principal } from './principal.ts'

/** Do or propose a change as `principal`. */
export const changeBy = <K extends AdminChangeKind>(principal: Principal, kind: K, body: AdminChangeBody<K>) =>
  changeAsAdmin(house().pool, actorOf(principal), kind, body)

const HEADERS = { 'cache-control': 'no-store' }

/** The answer 202 for what waits for a second admin; what was done is the route's own answer. */
export const orWaiting = <T>(outcome: { done: T } | { waiting: AdminChange }): T | Response =>
  'done' in outcome ? outcome.done : Response.json({ waiting: outcome.waiting }, { status: 202, headers: HEADERS })

/** The same for routes with nothing else to say. */
export const decided = (outcome: { done: unknown } | { waiting: AdminChange }): { waiting: null } | Response =>
  'done' in outcome ? { waiting: null } : Response.json({ waiting: outcome.waiting }, { status: 202, headers: HEADERS })
