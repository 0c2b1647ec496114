import { may, ROLES, ROUTES } from '@weir/db/contracts'
import { describe, expect, it } from 'vitest'
import { askerOf, steppedUp } from '../../apps/web/server/blocks.ts'
import type { Principal } from '../../apps/web/server/principal.ts'

const person = (steppedUpUntil: number | null): Principal => ({
  kind: 'session',
  sessionId: 's1',
  userId: 'u1',
  name: 'Nils',
  email: 'nils@example.org',
  role: 'oncall',
  steppedUpUntil,
})
const token: Principal = { kind: 'token', tokenId: 3, name: 'script', role: 'oncall' }

describe('asking for and agreeing to blocks', () => {
  it('needs the password within five minutes', () => {
    expect(() => steppedUp(person(null))).toThrow(expect.objectContaining({ status: 403, code: 'step-up-required' }))
    expect(() => steppedUp(person(Date.now() - 1))).toThrow(expect.objectContaining({ code: 'step-up-required' }))
    const until = Date.now() + 120_000
    expect(steppedUp(person(until))).toEqual({
      actor: { kind: 'person', id: 'u1', role: 'oncall', session: 's1' },
      stepUpAt: new Date(until - 300_000),
    })
  })

  it('is for people: no token asks for, or agrees to, a block, whatever its role', () => {
    expect(() => steppedUp(token)).toThrow(expect.objectContaining({ status: 403, code: 'not-allowed' }))
    expect(askerOf(token)).toBeNull()
    for (const role of ROLES) expect(may(role, ROUTES['POST /api/v1/blocks/{id}/approve'], 'token')).toBe('no')
  })

  it('shows blocks, which name single hosts, only to those who may see single hosts', () => {
    for (const role of ROLES) expect(may(role, 'block:read')).toBe(may(role, 'traffic:raw'))
  })
})
