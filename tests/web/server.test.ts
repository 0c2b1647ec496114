import { describe, expect, it } from 'vitest'
import { csvFields, readRules } from '../../apps/web/components/settings/rules-file.ts'
import { addressBlock } from '../../apps/web/server/client-address.ts'
import { LoginLimit } from '../../apps/web/server/login-limit.ts'
import { isOwnOrigin, safeReturnPath } from '../../apps/web/server/origin.ts'
import { hashPassword, passwordFlaw, verifyPassword } from '../../apps/web/server/password.ts'

describe('an address belongs to one block', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:DB8:0001:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ])('%s is of %s', (address, block) => {
    expect(addressBlock(address)).toBe(block)
  })
})

describe('our own origin', () => {
  it('is the host that was asked, or the public address and nothing else', () => {
    expect(isOwnOrigin('http://weir:3000', 'weir:3000', null)).toBe(true)
    expect(isOwnOrigin('https://weir:3000', 'weir:3000', null)).toBe(false)
    expect(isOwnOrigin('http://weir', 'weir:3000', null)).toBe(false)
    expect(isOwnOrigin('http://weir:80', 'weir', null)).toBe(false)
    const url = new URL('https://weir.example.org')
    expect(isOwnOrigin('https://weir.example.org', 'internal:3000', url)).toBe(true)
    expect(isOwnOrigin('http://internal:3000', 'internal:3000', url)).toBe(false)
    for (const none of [null, undefined, '', 'null']) expect(isOwnOrigin(none, 'weir:3000', null)).toBe(false)
  })

  it('is where a sign-in ends, whatever the link says', () => {
    expect(safeReturnPath('/flows?filter=proto%20%3D%20udp')).toBe('/flows?filter=proto%20%3D%20udp')
    for (const bad of [
      '//evil',
      '/\\evil',
      '\\\\evil',
      'https://evil',
      '/\u0000',
      '/a/../..//evil',
      '/api/v1/users',
      '/sign-in?return=/x',
      '',
      null,
      undefined,
    ]) {
      expect(safeReturnPath(bad), String(bad)).toBe('/')
    }
  })
})

describe('a password', () => {
  it('verifies only itself, also when typed as other code points', async () => {
    const hash = await hashPassword('Zoë walks slowly')
    expect(await verifyPassword({ hash, password: 'Zoe\u0308 walks slowly' })).toBe(true)
    expect(await verifyPassword({ hash, password: 'Zoe walks slowly' })).toBe(false)
    expect(await verifyPassword({ hash: 'scrypt:something', password: 'x' })).toBe(false)
    expect(hash).not.toBe(await hashPassword('Zoë walks slowly'))
  })

  it('must be long and not what everyone tries first', () => {
    expect(passwordFlaw('kestrel orbit lantern')).toBeNull()
    for (const bad of ['elevenchars', 'Password1234', '121212121212121212', 'x'.repeat(300)]) expect(passwordFlaw(bad), bad).not.toBeNull()
    expect(passwordFlaw('Ferdinand-1234', ['Ferdinand'])).not.toBeNull()
  })
})

describe('the login limit', () => {
  it('forgets after a quarter of an hour, and counts no success', async () => {
    const limit = new LoginLimit()
    const none = () => Promise.resolve([])
    for (let n = 0; n < 10; n++) limit.tried('a@b', '192.0.2.1', n)
    expect(await limit.wait('a@b', '192.0.2.1', 100, none)).toBeGreaterThan(800)
    expect(await limit.wait('a@b', '192.0.2.1', 16 * 60_000, none)).toBe(0)
    const lucky = new LoginLimit()
    for (let n = 0; n < 40; n++) {
      lucky.tried('a@b', '192.0.2.1', n)
      lucky.succeeded('a@b', '192.0.2.1', n)
    }
    expect(await lucky.wait('a@b', '192.0.2.1', 100, none)).toBe(0)
  })
})

describe('a file of service rules', () => {
  it('reads CSV with and without a heading, quotes, comments, ranges', () => {
    const read = readRules(
      '# ours\nname,prefix,proto,port\n"Shop, web",10.0.8.0/24,tcp,443\nBuild,,6,8000-8010\nTunnel,2001:db8::/32,gre,\n',
    )
    expect(read.problems).toEqual([])
    expect(read.rules).toEqual([
      { name: 'Shop, web', prefix: '10.0.8.0/24', proto: 6, portLow: 443, portHigh: null },
      { name: 'Build', prefix: null, proto: 6, portLow: 8000, portHigh: 8010 },
      { name: 'Tunnel', prefix: '2001:db8::/32', proto: 47, portLow: null, portHigh: null },
    ])
    expect(readRules('DNS,any,udp,53').rules).toEqual([{ name: 'DNS', prefix: null, proto: 17, portLow: 53, portHigh: null }])
    expect(readRules('port;x,name\n').rules).toEqual([])
    expect(readRules('port,name\n22,SSH\n').rules).toEqual([{ name: 'SSH', prefix: null, proto: null, portLow: 22, portHigh: null }])
  })

  it('reads JSON, as a list or with a heading', () => {
    const rules = [{ name: 'A', prefix: null, proto: 6, portLow: 1, portHigh: 9 }]
    expect(readRules(JSON.stringify(rules)).rules).toEqual(rules)
    expect(readRules('{"rules": [{"name": "B", "protocol": "udp", "port": 53}]}').rules).toEqual([
      { name: 'B', prefix: null, proto: 17, portLow: 53, portHigh: null },
    ])
  })

  it('names every line it cannot read, and loses none', () => {
    const read = readRules('A,,tcp,99999\nB,,teleport,1\n,,tcp,1\nC,,,\n"D,,tcp,1\nE,,tcp,10-5\nF,,tcp,7')
    expect(read.rules.map((rule) => rule.name)).toEqual(['F'])
    expect(read.problems.map((problem) => problem.line)).toEqual([1, 2, 3, 4, 5, 6])
    expect(readRules('[1, 2').problems).toHaveLength(1)
    expect(readRules('{"a": 1}').problems).toHaveLength(1)
    expect(csvFields('"a""b",c')).toEqual(['a"b', 'c'])
  })
})
