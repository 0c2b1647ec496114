import type { AuditEntry } from '@weir/db/contracts'

/** What an event means in a sentence: who … what. An event that is not here stands as it is. */
const VERBS: Readonly<Record<string, string>> = {
  'user.create': 'made the account',
  'user.recover': 'took back the account',
  'user.change': 'changed the account',
  'user.rename': 'renamed the account',
  'user.password': 'changed the password of',
  'session.begin': 'signed in',
  'session.end': 'signed out',
  'session.refuse': 'was refused to sign in as',
  'session.step-up': 'confirmed the password',
  'session.step-up-refuse': 'failed to confirm the password',
  'token.create': 'made',
  'token.revoke': 'revoked',
  'invitation.create': 'made',
  'invitation.withdraw': 'withdrew',
  'welcome-link.create': 'printed',
  'exporter.rename': 'renamed',
  'exporter.retire': 'retired',
  'exporter.restore': 'put back into service',
  'interface.change': 'changed',
  'service-rule.add': 'added',
  'service-rule.change': 'changed',
  'service-rule.remove': 'removed',
  'service-rules.order': 'reordered',
  'service-rules.import': 'imported',
  'service-rules.replace': 'replaced',
  'home-networks.set': 'set',
  'one-truth.set': 'changed',
  'demo.remove': 'removed',
  'audit.export': 'exported',
  'anomaly.acknowledge': 'acknowledged',
  'anomaly.confirm': 'confirmed the risk of',
  'anomaly.dismiss': 'dismissed',
  'anomaly.close': 'closed',
  'anomaly.reopen': 'reopened',
  'suppression.add': 'added',
  'suppression.change': 'changed',
  'suppression.end': 'ended',
  'block.simulate': 'held a rule against the history:',
  'block.request': 'asked for',
  'block.approve': 'approved',
  'block.apply': 'put on the devices:',
  'block.probe': 'tried on its first device:',
  'block.verify': 'proved',
  'block.leak': 'found leaking:',
  'block.reassert': 'put back on a device:',
  'block.withdraw': 'withdrew',
  'block.expire': 'took away the expired',
  'device.add': 'added',
  'device.change': 'changed',
  'device.remove': 'removed',
  'protected.add': 'protected',
  'protected.change': 'changed the reason of',
  'protected.remove': 'no longer protects',
  'notifications.set': 'set',
  'notifications.test': 'sent',
  'second-factor.begin': 'began to set up a second factor for',
  'second-factor.enable': 'turned on the second factor of',
  'second-factor.recover': 'signed in by a recovery code as',
  'second-factor.recovery-codes': 'made new recovery codes for',
  'second-factor.remove': 'turned off the second factor of',
  'admin-change.propose': 'proposed',
  'admin-change.refuse': 'refused',
  'admin-change.withdraw': 'took back',
  'two-persons.set': 'set',
  'break-glass.end': 'ended from the terminal, while this log took no entries,',
}

/** Where the intent, recorded before anything is done, reads unlike the outcome. */
const INTENTS: Readonly<Record<string, string>> = {
  'block.apply': 'is about to put on the devices:',
  'block.probe': 'is about to take back from its first device:',
  'block.reassert': 'is about to put back on a device:',
  'block.withdraw': 'asked to withdraw',
  'block.expire': 'is about to take away the expired',
}

const KINDS: Readonly<Record<string, string>> = {
  token: 'token',
  invitation: 'invitation',
  'welcome-link': 'admin link',
  exporter: 'exporter',
  interface: 'interface',
  'service-rule': 'service rule',
  anomaly: 'anomaly',
  block: 'block',
  simulation: 'simulation',
  device: 'device',
  prefix: 'the prefix',
  message: 'a test message',
  'admin-change': 'change',
  suppression: 'suppression',
}
const THINGS: Readonly<Record<string, string>> = {
  'service-rules': 'the service rules',
  'home-networks': 'the home networks',
  'setting:one_truth': 'how conversations that several exporters see are counted',
  demo: 'the demo data',
  audit: 'the audit log',
  notifications: 'the notifications',
  'two-persons': 'the rule of two persons for changes',
}

const split = (id: string): [kind: string, rest: string] => {
  const at = id.indexOf(':')
  return at < 0 ? [id, ''] : [id.slice(0, at), id.slice(at + 1)]
}

export const verbOf = (entry: AuditEntry): string =>
  (entry.phase === 'intent' ? INTENTS[entry.event] : undefined) ?? VERBS[entry.event] ?? `recorded “${entry.event}” for`

/** Whether an event has words of its own. */
export const hasWords = (event: string): boolean => Object.hasOwn(VERBS, event)

/** Who, for people: a name where there is one. */
export function actorName(actor: string, names: Readonly<Record<string, string>>): string {
  const name = names[actor]
  const [kind, rest] = split(actor)
  if (kind === 'person') return name?.replace(/ \([^()]*\)$/, '') ?? 'Someone since removed'
  if (kind === 'token') return `Token ${name ?? rest}`
  if (kind === 'console') return `${rest} at the terminal`
  if (kind === 'system') return `Weir (${rest})`
  return 'Someone unknown'
}

/** What, for people; null where the sentence is whole without it: people who sign themselves in and out. */
export function subjectName(entry: AuditEntry, names: Readonly<Record<string, string>>): string | null {
  const [kind, rest] = split(entry.subject)
  if (kind === 'user') {
    if (entry.actor === `person:${rest}`) return entry.event.startsWith('session.') ? null : 'their own'
    if (rest === 'unknown') return 'an unknown account'
    return names[entry.subject]?.replace(/ \([^()]*\)$/, '') ?? 'an account since removed'
  }
  const thing = THINGS[entry.subject]
  if (thing !== undefined) return thing
  const name = names[entry.subject]
  return name === undefined ? `${KINDS[kind] ?? kind} ${rest}` : `${KINDS[kind] ?? kind} ${name}`
}

/** The sentence's end for one's own account: 'made the account' needs none, 'changed the password of' does. */
export function sentence(entry: AuditEntry, names: Readonly<Record<string, string>>): { verb: string; object: string | null } {
  const object = subjectName(entry, names)
  if (object !== 'their own') return { verb: verbOf(entry), object }
  if (entry.event === 'user.password') return { verb: 'changed their own password', object: null }
  if (entry.event === 'user.rename') return { verb: 'changed their own name', object: null }
  if (entry.event === 'user.create') return { verb: 'made their account', object: null }
  if (entry.event === 'user.recover') return { verb: 'took their account back', object: null }
  return { verb: verbOf(entry), object: 'their own account' }
}
