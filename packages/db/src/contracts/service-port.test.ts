import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { servicePort } from './service-port.ts'

describe('the service port of a flow', () => {
  it.each([
    ['a client to https', 6, 51234, 443, 443],
    ['the answer of https', 6, 443, 51234, 443],
    ['a registered port wins against a lower port that no service has', 6, 2944, 5432, 5432],
    ['the lower of two known ports', 6, 8080, 443, 443],
    ['the lower of two unknown ports', 17, 40001, 33001, 33001],
    ['the only port there is', 17, 0, 53, 53],
    ['no port at all (a fragment)', 17, 0, 0, -1],
    ['absent ports', 6, -1, -1, -1],
    ['a protocol without ports', 1, 0, 2048, -1],
    ['SCTP has ports', 132, 36412, 50000, 36412],
  ])('%s', (_name, proto, src, dst, expected) => {
    expect(servicePort(proto, src, dst)).toBe(expected)
  })

  it('is the same for both directions of a conversation', () => {
    const port = fc.integer({ min: 0, max: 65535 })
    fc.assert(fc.property(port, port, (a, b) => servicePort(6, a, b) === servicePort(6, b, a)))
  })
})
