import type { Random } from './random.ts'
import { Weighted } from './random.ts'
import { CONTENT, MAIL_PEERS, NAME_SERVERS, NOISE, PEOPLE, RENTED, type Remote } from './world.ts'

/** One flow record to be exported: one direction of a conversation, or a part of it after an active timeout. Times are epoch milliseconds. */
export interface GenFlow {
  family: 4 | 6
  /** 16 octets; the first 4 count for IPv4. */
  src: Uint8Array
  dst: Uint8Array
  srcPort: number
  dstPort: number
  proto: number
  flags: number
  tos: number
  inIf: number
  outIf: number
  packets: number
  bytes: number
  startMs: number
  endMs: number
  vlan: number
}

/** A conversation between two ends, before it becomes records. */
export interface Conversation {
  family: 4 | 6
  client: Uint8Array
  server: Uint8Array
  clientPort: number
  serverPort: number
  proto: number
  tos: number
  /** TCP flags seen in each direction; 0 for other protocols. */
  clientFlags: number
  serverFlags: number
  clientBytes: number
  clientPackets: number
  serverBytes: number
  serverPackets: number
  durationMs: number
  /** Which side of the exporter each end is on. */
  clientSide: Side
  serverSide: Side
  vlan: number
}

export type Side = 'hq' | 'plant' | 'branch' | 'dc' | 'dmz' | 'content' | 'people' | 'other'

const TCP = 6
const UDP = 17
const ICMP = 1
const ESP = 50
const SYN = 0x02
const COMPLETE = 0x1b
const RST_ACK = 0x14

/** Octets of a host in 10.`a`.`b`.`c`. */
function inside(a: number, b: number, c: number): Uint8Array {
  const octets = new Uint8Array(16)
  octets[0] = 10
  octets[1] = a
  octets[2] = b
  octets[3] = c
  return octets
}

/** 2001:db8:66:`net`::`host`: the company's IPv6, from the documentation prefix. */
function inside6(net: number, host: number): Uint8Array {
  const octets = new Uint8Array(16)
  octets.set([0x20, 0x01, 0x0d, 0xb8, 0x00, 0x66, net >> 8, net & 255])
  octets[14] = host >> 8
  octets[15] = host & 255
  return octets
}

/** One host of a remote network; low host numbers appear more often. */
function outside(random: Random, remote: Remote): Uint8Array {
  const octets = new Uint8Array(16)
  octets.set(remote.octets)
  const host = remote.hosts === 1 ? 0 : 1 + random.skewed(remote.hosts, 1.6)
  if (remote.octets.length === 4) {
    if (remote.fixed === 3) octets[3] = 1 + (host % 253)
    if (remote.fixed === 2) {
      octets[2] = (host * 37) & 255
      octets[3] = 1 + ((host * 101) % 253)
    }
  } else {
    octets[8] = (host * 73) & 255
    octets[14] = (host * 29) & 255
    octets[15] = 1 + (host & 127)
  }
  return octets
}

type Site = 'hq' | 'plant' | 'branch'
const SITES: Record<Site, { octet: number; clients: number }> = {
  hq: { octet: 10, clients: 620 },
  plant: { octet: 20, clients: 240 },
  branch: { octet: 30, clients: 60 },
}

function clientAt(random: Random, site: Site, family: 4 | 6 = 4): Uint8Array {
  const { octet, clients } = SITES[site]
  const host = random.skewed(clients, 1.5)
  return family === 6 ? inside6(octet, 0x100 + host) : inside(octet, 32 + Math.floor(host / 200), 10 + (host % 200))
}

// Servers of the data centre, by what they do.
const RESOLVERS = [inside(40, 50, 53), inside(40, 50, 54)]
const MAIL = inside(40, 50, 10)
const DIRECTORY = [inside(40, 50, 20), inside(40, 50, 21)]
const TIME = inside(40, 50, 30)
const MONITOR = inside(40, 60, 10)
const SYSLOG = inside(40, 60, 20)
const VOICE = inside(40, 70, 5)
const FILES = inside(40, 40, 30)
const BACKUP = inside(40, 40, 10)
const BASTION = inside(40, 60, 5)
const REGISTRY = inside(40, 60, 40)
const web = (i: number) => inside(40, 10, 10 + i)
const web6 = (i: number) => inside6(40, 10 + i)
const app = (i: number) => inside(40, 20, 10 + i)
const database = (i: number) => inside(40, 30, 10 + i)

const content = new Weighted(CONTENT.map((r) => [r, r.weight]))
const people = new Weighted(PEOPLE.map((r) => [r, r.weight]))
const nameServers = new Weighted(NAME_SERVERS.map((r) => [r, r.weight]))
const mailPeers = new Weighted(MAIL_PEERS.map((r) => [r, r.weight]))
const noise = new Weighted(NOISE.map((r) => [r, r.weight]))

const ephemeral = (random: Random) => 32768 + random.below(28232)

/** A TCP conversation that asks little and gets `down` octets (or gives `up`). */
function tcp(
  random: Random,
  ends: Pick<Conversation, 'family' | 'client' | 'server' | 'clientSide' | 'serverSide'>,
  port: number,
  up: number,
  down: number,
): Conversation {
  const downPackets = Math.max(3, Math.ceil(down / 1380))
  const upPackets = Math.max(4, Math.ceil(up / 1380), Math.ceil(downPackets * 0.45))
  const rate = random.pareto(120_000, 0.9, 40_000_000)
  return {
    ...ends,
    clientPort: ephemeral(random),
    serverPort: port,
    proto: TCP,
    tos: 0,
    clientFlags: COMPLETE,
    serverFlags: COMPLETE,
    clientPackets: upPackets,
    clientBytes: Math.round(up + upPackets * 52),
    serverPackets: downPackets,
    serverBytes: Math.round(down + downPackets * 52),
    durationMs: Math.round(20 + random.exponential(400) + ((up + down) * 8000) / rate),
    vlan: 0,
  }
}

function udp(
  random: Random,
  ends: Pick<Conversation, 'family' | 'client' | 'server' | 'clientSide' | 'serverSide'>,
  port: number,
  up: number,
  down: number,
  durationMs: number,
): Conversation {
  const upPackets = Math.max(1, Math.ceil(up / 1350))
  const downPackets = down === 0 ? 0 : Math.max(1, Math.ceil(down / 1350))
  return {
    ...ends,
    clientPort: ephemeral(random),
    serverPort: port,
    proto: UDP,
    tos: 0,
    clientFlags: 0,
    serverFlags: 0,
    clientPackets: upPackets,
    clientBytes: Math.round(up + upPackets * 28),
    serverPackets: downPackets,
    serverBytes: Math.round(down + downPackets * 28),
    durationMs: Math.round(durationMs),
    vlan: 0,
  }
}

/** What people and machines of the company do, each as one conversation. */
export const ACTIVITIES = {
  /** Browsing, software, video: https and QUIC to the big networks, sizes with a heavy tail. */
  browse(random: Random, site: Site): Conversation {
    const remote = content.pick(random)
    const family = remote.octets.length === 4 ? 4 : 6
    const ends = {
      family,
      client: clientAt(random, site, family),
      server: outside(random, remote),
      clientSide: site,
      serverSide: 'content',
    } as const
    const video = remote.name === 'netflix' || (remote.name === 'google' && random.chance(0.15))
    const down = video ? random.pareto(400_000, 0.9, 400_000_000) : random.pareto(1_800, 1.05, 120_000_000)
    const up = random.pareto(500, 1.3, 4_000_000)
    const quic = ['google', 'cloudflare', 'meta', 'fastly'].includes(remote.name) && random.chance(0.55)
    return quic
      ? udp(random, ends, 443, up, down, 200 + random.exponential(9_000))
      : tcp(random, ends, random.chance(0.04) ? 80 : 443, up, down)
  },
  /** The world visits the public web site. */
  visit(random: Random): Conversation {
    const remote = people.pick(random)
    const family = remote.octets.length === 4 ? 4 : 6
    const server = random.skewed(6, 1.3)
    return tcp(
      random,
      {
        family,
        client: outside(random, remote),
        server: family === 4 ? web(server) : web6(server),
        clientSide: 'people',
        serverSide: 'dmz',
      },
      443,
      random.pareto(600, 1.4, 2_000_000),
      random.pareto(4_000, 1.15, 60_000_000),
    )
  },
  resolve(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: random.pick(RESOLVERS), clientSide: site, serverSide: 'dc' } as const
    return udp(random, ends, 53, random.between(30, 60), random.between(60, 420), random.exponential(25))
  },
  recurse(random: Random): Conversation {
    const ends = {
      family: 4,
      client: random.pick(RESOLVERS),
      server: outside(random, nameServers.pick(random)),
      clientSide: 'dc',
      serverSide: 'other',
    } as const
    return udp(random, ends, 53, random.between(30, 70), random.between(80, 900), random.exponential(40))
  },
  time(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: TIME, clientSide: site, serverSide: 'dc' } as const
    return { ...udp(random, ends, 123, 48, 48, random.exponential(12)), clientPort: 123 }
  },
  mailOut(random: Random): Conversation {
    const ends = {
      family: 4,
      client: MAIL,
      server: outside(random, mailPeers.pick(random)),
      clientSide: 'dc',
      serverSide: 'other',
    } as const
    return tcp(random, ends, 25, random.pareto(3_000, 1.1, 20_000_000), 900)
  },
  mailIn(random: Random): Conversation {
    const ends = {
      family: 4,
      client: outside(random, mailPeers.pick(random)),
      server: MAIL,
      clientSide: 'other',
      serverSide: 'dmz',
    } as const
    return tcp(random, ends, 25, random.pareto(4_000, 1.1, 20_000_000), 900)
  },
  readMail(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: MAIL, clientSide: site, serverSide: 'dc' } as const
    return tcp(random, ends, random.chance(0.8) ? 993 : 587, random.pareto(700, 1.4, 8_000_000), random.pareto(1_500, 1.1, 15_000_000))
  },
  directory(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: random.pick(DIRECTORY), clientSide: site, serverSide: 'dc' } as const
    return tcp(random, ends, random.pick([389, 636, 88, 88]), random.between(600, 3_000), random.between(900, 12_000))
  },
  files(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: FILES, clientSide: site, serverSide: 'dc' } as const
    const writes = random.chance(0.3)
    const size = random.pareto(8_000, 1.02, 250_000_000)
    return tcp(random, ends, 445, writes ? size : 2_000, writes ? 2_000 : size)
  },
  intranet(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: app(random.skewed(8)), clientSide: site, serverSide: 'dc' } as const
    return tcp(
      random,
      ends,
      random.pick([443, 443, 443, 8080, 8443]),
      random.pareto(700, 1.4, 1_000_000),
      random.pareto(3_000, 1.2, 20_000_000),
    )
  },
  voice(random: Random, site: Site): Conversation {
    const seconds = random.between(20, 240)
    const ends = { family: 4, client: clientAt(random, site), server: VOICE, clientSide: site, serverSide: 'dc' } as const
    const octets = seconds * 50 * 172
    const call = udp(random, ends, 16384 + 2 * random.below(2000), octets, octets, seconds * 1000)
    const packets = Math.round(seconds * 50)
    return { ...call, tos: 0xb8, clientPackets: packets, serverPackets: packets, clientPort: 16384 + 2 * random.below(2000) }
  },
  /** Web servers ask applications, applications ask databases. */
  application(random: Random): Conversation {
    const ends = {
      family: 4,
      client: web(random.skewed(6, 1.3)),
      server: app(random.skewed(8, 1.4)),
      clientSide: 'dmz',
      serverSide: 'dc',
    } as const
    return {
      ...tcp(random, ends, random.pick([8080, 8080, 8443, 50051]), random.pareto(600, 1.3, 500_000), random.pareto(2_000, 1.2, 8_000_000)),
      vlan: 420,
    }
  },
  query(random: Random): Conversation {
    const server = random.skewed(5, 1.6)
    const port = [5432, 5432, 3306, 6379, 27017][server] ?? 5432
    const ends = { family: 4, client: app(random.skewed(8, 1.4)), server: database(server), clientSide: 'dc', serverSide: 'dc' } as const
    return { ...tcp(random, ends, port, random.pareto(300, 1.3, 400_000), random.pareto(900, 1.1, 30_000_000)), vlan: 430 }
  },
  replicate(random: Random): Conversation {
    const ends = { family: 4, client: database(1), server: database(0), clientSide: 'dc', serverSide: 'dc' } as const
    return { ...tcp(random, ends, 5432, 40_000, random.pareto(2_000_000, 1.2, 90_000_000)), durationMs: 55_000, vlan: 430 }
  },
  backup(random: Random): Conversation {
    const ends = {
      family: 4,
      client: random.chance(0.5) ? database(random.below(5)) : FILES,
      server: BACKUP,
      clientSide: 'dc',
      serverSide: 'dc',
    } as const
    const size = random.pareto(60_000_000, 1.1, 1_500_000_000)
    return { ...tcp(random, ends, 873, size, size / 2_000), durationMs: Math.round(size / 6_000), vlan: 440 }
  },
  backupAway(random: Random): Conversation {
    const ends = { family: 4, client: BACKUP, server: outside(random, random.pick(RENTED)), clientSide: 'dc', serverSide: 'other' } as const
    const size = random.pareto(20_000_000, 1.1, 700_000_000)
    return { ...tcp(random, ends, 22, size, size / 900), durationMs: Math.round(size / 2_500), tos: 0x20 }
  },
  operate(random: Random, site: Site): Conversation {
    const ends = { family: 4, client: clientAt(random, site), server: BASTION, clientSide: site, serverSide: 'dc' } as const
    return {
      ...tcp(random, ends, 22, random.pareto(4_000, 1.2, 3_000_000), random.pareto(9_000, 1.2, 20_000_000)),
      durationMs: Math.round(random.exponential(90_000)),
      tos: 0x10,
    }
  },
  pullImages(random: Random): Conversation {
    const ends = { family: 4, client: app(random.below(8)), server: REGISTRY, clientSide: 'dc', serverSide: 'dc' } as const
    return tcp(random, ends, 5000, 3_000, random.pareto(300_000, 1.1, 400_000_000))
  },
  monitor(random: Random): Conversation {
    const target = random.pick([web(random.below(6)), app(random.below(8)), database(random.below(5)), FILES, MAIL])
    const ends = { family: 4, client: MONITOR, server: target, clientSide: 'dc', serverSide: 'dc' } as const
    return random.chance(0.5)
      ? udp(random, ends, 161, 90, random.between(100, 1_200), random.exponential(30))
      : tcp(random, ends, 9100, 400, random.between(15_000, 60_000))
  },
  log(random: Random): Conversation {
    const from = random.pick([web(random.below(6)), app(random.below(8)), MAIL, random.pick(RESOLVERS)])
    const ends = { family: 4, client: from, server: SYSLOG, clientSide: 'dc', serverSide: 'dc' } as const
    return udp(random, ends, 514, random.pareto(300, 1.3, 60_000), 0, random.exponential(20_000))
  },
  /** Between sites: an IPsec tunnel as the edge sees it. */
  tunnel(random: Random): Conversation {
    const client = new Uint8Array(16)
    client.set([84, 140, 20, 7 + random.below(2)])
    const server = inside(40, 10, 2)
    const size = random.pareto(300_000, 1.2, 60_000_000)
    const packets = Math.ceil(size / 1100)
    return {
      family: 4,
      client,
      server,
      clientPort: 0,
      serverPort: 0,
      proto: ESP,
      tos: 0,
      clientFlags: 0,
      serverFlags: 0,
      clientBytes: Math.round(size),
      clientPackets: packets,
      serverBytes: Math.round(size * random.between(0.3, 2)),
      serverPackets: packets,
      durationMs: 58_000,
      clientSide: 'people',
      serverSide: 'dmz',
      vlan: 0,
    }
  },
  /** Somebody knocks at a public address; nobody answers, or a reset does. */
  knock(random: Random): Conversation {
    const ends = {
      family: 4,
      client: outside(random, noise.pick(random)),
      server: web(random.below(6)),
      clientSide: 'other',
      serverSide: 'dmz',
    } as const
    const answered = random.chance(0.3)
    return {
      ...tcp(random, ends, random.pick([22, 23, 445, 3389, 5900, 8080, 6379, 2375, 1433]), 0, 0),
      clientFlags: SYN,
      clientPackets: 1,
      clientBytes: 44,
      serverFlags: answered ? RST_ACK : 0,
      serverPackets: answered ? 1 : 0,
      serverBytes: answered ? 40 : 0,
      durationMs: 0,
    }
  },
  ping(random: Random): Conversation {
    const ends = {
      family: 4,
      client: MONITOR,
      server: outside(random, random.pick(RENTED)),
      clientSide: 'dc',
      serverSide: 'other',
    } as const
    return {
      ...udp(random, ends, 0, 5 * 64, 5 * 64, 4_000),
      proto: ICMP,
      clientPort: 0,
      serverPort: 0,
      clientPackets: 5,
      serverPackets: 5,
      clientBytes: 420,
      serverBytes: 420,
    }
  },
} as const

export type Activity = keyof typeof ACTIVITIES

/** One conversation of an activity; those of people need to know where they sit. */
export function converse(activity: Activity, random: Random, site: Site): Conversation {
  return ACTIVITIES[activity](random, site)
}

/** A router or switch that exports: what passes through it, and its interfaces. */
export interface Profile {
  name: string
  site: Site
  activities: Weighted<Activity>
  interfaces: { index: number; name: string; description: string; speed: number }[]
  /** The interface a side is reached by. */
  port: Record<Side, number>
  /** N of "1 in N"; 1 is unsampled. */
  sampling: number
  /** IPv6 passes too. */
  ipv6: boolean
}

const gigabit = 1_000_000_000

/** The routers of the demo network, which also serve as models for `generate`. */
export const PROFILES = {
  edge: {
    name: 'edge',
    site: 'hq',
    activities: new Weighted<Activity>([
      ['browse', 40],
      ['visit', 36],
      ['recurse', 6],
      ['mailOut', 2],
      ['mailIn', 3],
      ['tunnel', 0.9],
      ['knock', 3],
      ['backupAway', 0.05],
      ['ping', 0.4],
    ]),
    interfaces: [
      { index: 1, name: 'et-0/0/0', description: 'Transit Northline', speed: 10 * gigabit },
      { index: 2, name: 'et-0/0/1', description: 'Transit Helvia', speed: 10 * gigabit },
      { index: 3, name: 'et-0/0/2', description: 'Peering Frankfurt', speed: 10 * gigabit },
      { index: 10, name: 'ae0', description: 'Core', speed: 20 * gigabit },
      { index: 11, name: 'ae1', description: 'DMZ', speed: 20 * gigabit },
    ],
    port: { hq: 10, plant: 10, branch: 10, dc: 10, dmz: 11, content: 3, people: 1, other: 2 },
    sampling: 1,
    ipv6: true,
  },
  core: {
    name: 'core',
    site: 'hq',
    activities: new Weighted<Activity>([
      ['resolve', 22],
      ['intranet', 16],
      ['directory', 10],
      ['readMail', 8],
      ['files', 7],
      ['voice', 2],
      ['time', 3],
      ['operate', 1],
    ]),
    interfaces: [
      { index: 1, name: 'Ethernet1/1', description: 'HQ access', speed: 10 * gigabit },
      { index: 2, name: 'Ethernet1/2', description: 'Plant', speed: 10 * gigabit },
      { index: 3, name: 'Ethernet1/49', description: 'Data centre', speed: 40 * gigabit },
      { index: 4, name: 'Ethernet1/50', description: 'Edge', speed: 40 * gigabit },
    ],
    port: { hq: 1, plant: 2, branch: 2, dc: 3, dmz: 3, content: 4, people: 4, other: 4 },
    sampling: 1,
    ipv6: false,
  },
  plant: {
    name: 'plant',
    site: 'plant',
    activities: new Weighted<Activity>([
      ['resolve', 14],
      ['browse', 10],
      ['intranet', 8],
      ['directory', 4],
      ['files', 3],
      ['readMail', 2],
      ['time', 4],
    ]),
    interfaces: [
      { index: 1, name: 'GigabitEthernet0/0/0', description: 'To HQ', speed: gigabit },
      { index: 2, name: 'GigabitEthernet0/0/1', description: 'Plant LAN', speed: gigabit },
      { index: 3, name: 'GigabitEthernet0/0/2', description: 'Internet breakout', speed: gigabit },
    ],
    port: { hq: 1, plant: 2, branch: 1, dc: 1, dmz: 1, content: 3, people: 3, other: 3 },
    sampling: 1,
    ipv6: true,
  },
  branch: {
    name: 'branch',
    site: 'branch',
    activities: new Weighted<Activity>([
      ['browse', 14],
      ['resolve', 10],
      ['intranet', 5],
      ['readMail', 3],
      ['voice', 1],
      ['time', 1],
    ]),
    interfaces: [
      { index: 1, name: 'eth0', description: 'Internet', speed: 500_000_000 },
      { index: 2, name: 'eth1', description: 'Branch LAN', speed: gigabit },
    ],
    port: { hq: 1, plant: 1, branch: 2, dc: 1, dmz: 1, content: 1, people: 1, other: 1 },
    sampling: 1,
    ipv6: false,
  },
  rack: {
    name: 'rack',
    site: 'hq',
    activities: new Weighted<Activity>([
      ['application', 30],
      ['query', 40],
      ['replicate', 1],
      ['backup', 0.5],
      ['monitor', 6],
      ['log', 6],
      ['pullImages', 1],
    ]),
    interfaces: [
      { index: 1, name: 'swp1', description: 'web-01', speed: 25 * gigabit },
      { index: 2, name: 'swp2', description: 'app-01', speed: 25 * gigabit },
      { index: 49, name: 'swp49', description: 'Uplink spine 1', speed: 100 * gigabit },
    ],
    port: { hq: 49, plant: 49, branch: 49, dc: 2, dmz: 1, content: 49, people: 49, other: 49 },
    sampling: 1,
    ipv6: false,
  },
} satisfies Record<string, Profile>
