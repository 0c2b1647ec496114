/** What a detector's anomaly means, what to check first, and what it is often mistaken for. Plain text; `code` in backticks. */
export interface Runbook {
  name: string
  /** What kind of thing it is, for a heading over several: 'Port scans'. */
  plural: string
  means: string
  check: readonly string[]
  /** Harmless things that look like this. */
  friends: readonly string[]
}

const RUNBOOKS: Readonly<Record<string, Runbook>> = {
  ddos: {
    name: 'Volumetric flood',
    plural: 'Volumetric floods',
    means:
      'Far more traffic than usual arrives at one of your addresses, and most of it answers nothing that the address asked for. The line, a firewall or the host may be full long before the service itself fails.',
    check: [
      'Look at the parts: one source port such as 53, 123, 389 or 11211 says reflection; many random sources with one destination port say a botnet.',
      'Is the interface that carries it near its speed? Then other services behind the same line suffer too.',
      'Compare the exporters: traffic seen at the edge but not behind the firewall is already being dropped.',
      'A block should name the narrowest thing that all parts share (source port and protocol), not the victim.',
    ],
    friends: [
      'A download or backup that starts: it was asked for, so the unasked share is low.',
      'A release, a campaign, a news item: many made connections to a web port from many networks.',
      'Measurement and speed tests from one or two sources.',
    ],
  },
  syn_flood: {
    name: 'SYN flood',
    plural: 'SYN floods',
    means: 'Many connections are opened to one address and never completed. The host keeps state for each until its table is full.',
    check: [
      'How many sources? Thousands with one packet each are forged, and blocking sources does nothing.',
      'Does the service still answer? Look at made connections in the same window.',
      'SYN cookies on the host or a SYN proxy on the firewall cost little and help at once.',
    ],
    friends: [
      'A service that is down while its clients try again: sources are your own clients.',
      'Only one direction is exported here: every connection then looks unanswered. The data quality says so.',
    ],
  },
  outbound_flood: {
    name: 'Outbound flood',
    plural: 'Outbound floods',
    means: 'One of your hosts sends floods to the outside. It is probably taken over, and others will complain about your network.',
    check: [
      'What else did this host do in the hours before? Look for guessing, a new edge or a beacon.',
      'Cut it from the network at its switch port if you can: that keeps its memory for an investigation.',
      'Is its resolver, NTP or memcached port open to the world? Then it may only be a reflector.',
    ],
    friends: [
      'Video, backup or game traffic over UDP that one side acknowledges rarely.',
      'A load test of your own against an outside target.',
    ],
  },
  port_scan: {
    name: 'Port scan',
    plural: 'Port scans',
    means: 'One source tries many ports of one host and most of them fail. It looks for a door.',
    check: [
      'Is the source inside? An inside scanner that is not yours is a serious sign.',
      'Which ports answered? Those are what the source knows now: look at its later connections to them.',
      'Did the same source guess passwords or open an admin port afterwards?',
    ],
    friends: [
      'Your own vulnerability scanner or monitoring: give it a suppression with an end.',
      'A resolver or FTP server whose answers go to many ports: it answers, it does not open.',
    ],
  },
  host_scan: {
    name: 'Host scan',
    plural: 'Host scans',
    means:
      'One source tries the same port on many hosts. From outside that is daily weather; from inside it is how worms and intruders move.',
    check: [
      'From inside: who uses this host, and what ran on it when this began?',
      'Which hosts answered, and did a longer connection follow?',
      'From outside: only those of your hosts that answered matter.',
    ],
    friends: ['Inventory, monitoring and discovery tools.', 'A client that looks for a printer or a game server in its network.'],
  },
  exfil: {
    name: 'Unusual upload',
    plural: 'Unusual uploads',
    means: 'An inside host sends much more to a destination than it ever did, and more than it gets back. Data may be leaving.',
    check: [
      'Who is the destination? Look at AS and country, and at whether anyone else here talks to it.',
      'When: at night and to somewhere new is worse than at noon to a known cloud.',
      'Ask the owner of the host before you block: this is the likeliest false alarm of all.',
    ],
    friends: ['A new backup or cloud sync.', 'A video upload or a large mail.', 'A database copy to a new site.'],
  },
  beacon: {
    name: 'Beacon',
    plural: 'Beacons',
    means: 'A host calls the same destination at an even pace with small, equal messages. Malware asks for orders this way.',
    check: [
      'How many hosts use this destination? One only is suspicious, all of them is a product.',
      'Who owns the destination, and how old is its name?',
      'Did uploads or new inside connections follow?',
    ],
    friends: [
      'Update checks, telemetry and licence clients.',
      'NTP, monitoring agents, chat keep-alives.',
      'A long session that the exporter cuts at each active timeout.',
    ],
  },
  icmp_share: {
    name: 'High ICMP share',
    plural: 'High ICMP shares',
    means:
      'More than 10 % of the flows of this billing period are ICMP. That is a sign of scans, a loop or a monitoring that asks too much.',
    check: [
      'Who sends it? Two or three addresses usually make most of it.',
      'Type 3 (unreachable) points at a service that has gone; type 8 (echo) at monitoring or a scan; type 11 at a routing loop.',
      'Sampled exporters show long flows rather than short ones: read the packet share beside the flow share.',
    ],
    friends: ['A monitoring system that pings everything.', 'An exporter that sees a management network only.'],
  },
  arp_share: {
    name: 'High ARP share',
    plural: 'High ARP shares',
    means:
      'More than 10 % of the flows of this billing period are ARP. A segment is too large, a host scans its own network, or a loop exists.',
    check: [
      'Which source asks for most addresses?',
      'Do the asked addresses exist? Asking for absent ones is a sweep.',
      'Look for a loop: the same frames at several interfaces.',
    ],
    friends: ['A gateway after its restart.', 'An exporter that sees one quiet segment only.'],
  },
  short_packets: {
    name: 'Short packets',
    plural: 'Short packets',
    means:
      'Most packets of this address are of the smallest size and there are far more than usual. Floods and retransmission storms look like this.',
    check: [
      'Is there a flood of the same target? Then this is folded under it.',
      'Look for a wrong MTU in the path: many small repeats of the same connection.',
    ],
    friends: ['Acknowledgements of large downloads.', 'Voice and game traffic.'],
  },
  foreign_source: {
    name: 'Source not allowed',
    plural: 'Sources not allowed',
    means: 'A conversation with a service comes from a country or network that your policy does not allow for it.',
    check: [
      'Was it answered? Attempts alone are noise.',
      'Is the country right? Roaming, VPN and cloud addresses move.',
      'Should the policy allow it? Then change the policy, not this anomaly.',
    ],
    friends: ['A colleague on a journey.', 'A cloud provider’s address booked to another country.'],
  },
  new_edge: {
    name: 'New admin connection',
    plural: 'New admin connections',
    means: 'An inside host opened an administration port of another inside host for the first time.',
    check: [
      'Is the source an administrator’s machine?',
      'Did it open others in the same hour? Two or three are more than one.',
      'Is there another open anomaly on the source?',
    ],
    friends: ['A new server, a new administrator, a moved address.', 'A deployment tool after a change.'],
  },
  lateral: {
    name: 'Lateral movement',
    plural: 'Lateral movements',
    means:
      'One inside host opens administration ports of several others that it never used, or a chain of such connections grows. This is how an intruder spreads.',
    check: [
      'Find the first host of the chain: that is where it began.',
      'Isolate the newest hop first, it is the least used by people.',
      'Change the credentials that were used on the way.',
    ],
    friends: ['A configuration management run.', 'An administrator who restarts a cluster by hand.'],
  },
  retry_storm: {
    name: 'Retry storm',
    plural: 'Retry storms',
    means: 'A client opens far more connections to a service than usual, and they fail or are very short. It tries again without a pause.',
    check: [
      'Is the service down or slow? Then the clients are not the cause.',
      'What was deployed just before the first minute?',
      'A back-off in the client or a limit in front of the service stops it; more servers do not.',
    ],
    friends: ['A load test.', 'A health check with a new, shorter interval.'],
  },
  brute_force: {
    name: 'Password guessing',
    plural: 'Password guessing',
    means: 'One source makes many short, equal connections to a login service. A later, longer one may be a right guess.',
    check: [
      'Is there a longer connection after the short ones? Then treat the account as lost.',
      'Look at the service’s own log for the account names.',
      'Any public SSH sees several guessers a day; the inside ones matter.',
    ],
    friends: ['A monitoring that logs in each minute.', 'A script with an old password.'],
  },
  surge: {
    name: 'Surge',
    plural: 'Surges',
    means: 'A service carries much more than usual, and the connections look healthy. This is load, not an attack.',
    check: ['Is there room: interface speed, servers?', 'Is it a release, a campaign, an hour of the month?'],
    friends: ['Month’s end, updates, football.'],
  },
  drop: {
    name: 'Traffic vanished',
    plural: 'Vanished traffic',
    means: 'An interface carries almost nothing, although its exporter still reports. Something before or behind it has failed.',
    check: [
      'Is the interface up, and does its neighbour see it?',
      'Has the traffic moved to another interface? Compare the neighbours.',
      'Was there a change of routing or of the export’s filters?',
    ],
    friends: ['A holiday, a night, a move.', 'A planned maintenance: use a suppression with an end.'],
  },
}

const spaced = (id: string): string => id.replaceAll('_', ' ')

/** Words for a detector; one that this version does not know is called by its id. */
export function runbookOf(detector: string): Runbook {
  const known = Object.hasOwn(RUNBOOKS, detector) ? RUNBOOKS[detector] : undefined
  if (known !== undefined) return known
  const name = spaced(detector).replace(/^./, (first) => first.toUpperCase())
  return {
    name,
    plural: name,
    means: 'This version of the page has no words for this detector.',
    check: ['Look at the evidence and at the flows of the window.'],
    friends: [],
  }
}

export const detectorName = (detector: string): string => runbookOf(detector).name
export const DETECTOR_IDS: readonly string[] = Object.keys(RUNBOOKS)
