import { addressOctets } from '../config.ts'

/** A network out there: where its addresses begin and how many leading octets are fixed. */
export interface Remote {
  name: string
  octets: Uint8Array
  /** Octets that stay as they are; the rest is chosen per host. */
  fixed: number
  /** How many different hosts of it are seen. */
  hosts: number
  weight: number
}

function remotes(hosts: number, fixed: number, entries: Record<string, string | [string, number]>): Remote[] {
  return Object.entries(entries).flatMap(([name, value]) => {
    const [addresses, weight] = typeof value === 'string' ? [value, 1] : value
    return addresses.split(' ').map((address): Remote => {
      const octets = addressOctets(address)
      if (octets === null) throw new RangeError(`${address} is not an address`)
      return { name, octets, fixed: octets.length === 4 ? fixed : 8, hosts, weight }
    })
  })
}

// Real networks, so that country and AS look-ups answer as they would on a real link. Nothing is ever sent to them: the addresses only
// stand in flow records.

/** What people inside talk to over https and QUIC. */
export const CONTENT: Remote[] = remotes(40, 3, {
  google: ['142.250.185.0 142.251.36.0 172.217.16.0 216.58.206.0 2a00:1450:4001:800:: 2a00:1450:4005:800:: 2607:f8b0:4006:800::', 5],
  cloudflare: ['104.16.20.0 104.21.30.0 172.67.70.0 2606:4700:3030:: 2606:4700:10::', 3],
  fastly: ['151.101.1.0 199.232.1.0 2a04:4e42:200::', 2],
  akamai: ['2.16.10.0 2.22.30.0 95.100.10.0 184.24.30.0 23.32.10.0 2600:1400:10::', 3],
  netflix: ['45.57.20.0 108.175.32.0 23.246.20.0 2a00:86c0:1000::', 3],
  microsoft: ['13.107.42.0 20.190.160.0 40.126.32.0 52.97.200.0 52.112.10.0 20.60.10.0 2603:1026:300:: 2603:1020:200:: 2620:1ec:c11::', 5],
  amazon: ['52.208.20.0 52.28.30.0 3.120.30.0 54.93.10.0 52.216.10.0 44.192.10.0 2a05:d014:100:: 2a05:d018:100:: 2600:9000:2000::', 3],
  'amazon, far': '52.192.30.0 13.112.20.0 18.228.10.0 13.54.20.0 13.232.10.0 13.244.10.0 3.5.140.0 99.86.10.0 2406:da14:100::',
  cloudfront: ['13.35.10.0 54.230.10.0 65.9.10.0', 1],
  meta: ['157.240.20.0 31.13.84.0 2a03:2880:f11c::', 3],
  apple: ['17.253.10.0 17.57.146.0 2620:149:a0::', 2],
  'google cloud': ['34.107.20.0 34.90.10.0 35.246.100.0 35.198.10.0', 1],
  github: ['140.82.121.0 185.199.108.0', 1],
  hetzner: ['88.198.10.0 116.202.10.0 135.181.10.0 5.9.10.0 2a01:4f8:10a::', 1],
  ovh: '51.68.10.0 145.239.10.0 213.186.33.0',
  'small hosters': '62.210.10.0 167.99.10.0 178.62.10.0 139.162.10.0 45.33.10.0 159.148.10.0',
  bbc: '212.58.244.0',
  valve: '162.254.197.0 155.133.240.0',
  universities: '129.132.10.0 141.24.10.0 128.112.10.0',
})

/** Where the users of the public web site sit. */
export const PEOPLE: Remote[] = remotes(4000, 2, {
  germany: ['80.130.0.0 91.10.0.0 84.140.0.0 2003:c0:1000:: 2a02:8106:10::', 7],
  france: ['82.64.0.0 90.20.0.0 2a01:e0a:10::', 3],
  britain: ['81.140.0.0 86.140.0.0 2a00:23c4:1000::', 3],
  netherlands: ['77.160.0.0 84.80.0.0 2a02:a450:10::', 2],
  austria: ['178.190.0.0', 2],
  switzerland: ['84.72.0.0', 2],
  italy: '79.10.0.0 93.40.0.0',
  spain: ['80.30.0.0', 2],
  poland: '83.10.0.0 89.64.0.0',
  nordics: '90.230.0.0 85.224.0.0 84.208.0.0 80.160.0.0 88.112.0.0',
  czechia: '2a00:1028:8300::',
  romania: '2a02:2f00:10::',
  'united states': ['73.10.0.0 98.200.0.0 71.60.0.0 24.30.0.0 2601:100:100:: 2600:1700:100::', 2],
  canada: '70.30.0.0 99.230.0.0',
  mexico: '187.130.0.0',
  brazil: ['177.30.0.0 189.60.0.0 2804:14c:10::', 1],
  argentina: '190.190.0.0',
  chile: '190.20.0.0',
  japan: '114.150.0.0 126.70.0.0 240b:10:100::',
  korea: '121.130.0.0',
  china: '116.230.0.0 123.120.0.0',
  india: ['49.36.0.0 117.200.0.0 106.200.0.0 2409:4040:100::', 1],
  australia: '1.150.0.0 120.150.0.0',
  'south africa': '105.225.0.0 41.150.0.0',
  nigeria: '102.89.0.0',
  egypt: '41.33.0.0',
  turkey: '78.170.0.0 88.230.0.0',
  emirates: '94.200.0.0',
  singapore: '118.200.0.0 116.86.0.0',
  indonesia: '36.80.0.0',
  vietnam: '113.160.0.0 171.240.0.0',
  malaysia: '175.136.0.0',
})

/** Resolvers and name servers asked by the company's own resolvers; the last octets are fixed. */
export const NAME_SERVERS: Remote[] = remotes(1, 4, {
  quad9: ['9.9.9.9', 4],
  'cloudflare dns': ['1.1.1.1', 4],
  'google dns': ['8.8.8.8', 5],
  roots: '198.41.0.4 192.5.5.241 199.7.83.42 192.36.148.17 193.0.14.129 202.12.27.33',
})

/** Other mail systems. */
export const MAIL_PEERS: Remote[] = remotes(12, 3, {
  microsoft: ['52.101.10.0', 4],
  google: ['142.250.102.0', 4],
  providers: '213.186.33.0 212.227.15.0 194.109.6.0 62.24.139.0 193.252.22.0',
})

/** The background of every public address: somebody always knocks. */
export const NOISE: Remote[] = remotes(30, 3, {
  china: ['218.92.0.0 61.177.172.0 222.186.30.0', 2],
  hosters: '45.155.205.0 141.98.10.0 80.94.95.0 194.26.29.0 92.255.85.0 45.227.254.0',
})

/** Public servers for branches, rented: backups and builds go there. */
export const RENTED: Remote[] = remotes(6, 3, { hetzner: ['116.202.40.0 135.181.40.0', 2], ovh: '51.77.30.0' })
