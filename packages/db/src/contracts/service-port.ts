/** As the decoder says it. */
const ABSENT = -1

const TCP = 6
const UDP = 17
const DCCP = 33
const SCTP = 132
const UDPLITE = 136

// Ports on which servers are found in practice, beyond the well-known range below 1024: the registered ones an operator meets.
const REGISTERED = [
  1080, 1194, 1433, 1434, 1521, 1701, 1723, 1812, 1813, 1883, 2049, 2055, 2082, 2083, 2086, 2087, 2181, 2222, 2375, 2376, 2377, 2379, 2380,
  2483, 3000, 3128, 3260, 3268, 3269, 3306, 3389, 3478, 3479, 4317, 4318, 4433, 4443, 4500, 4739, 4789, 5000, 5044, 5060, 5061, 5201, 5222,
  5223, 5228, 5269, 5349, 5353, 5355, 5432, 5601, 5671, 5672, 5683, 5900, 5938, 5984, 5985, 5986, 6081, 6343, 6379, 6443, 6514, 6667, 6881,
  7000, 7001, 7077, 7946, 8000, 8008, 8080, 8081, 8086, 8088, 8123, 8125, 8200, 8300, 8301, 8333, 8443, 8472, 8500, 8554, 8787, 8883, 8888,
  9000, 9042, 9090, 9091, 9092, 9093, 9100, 9200, 9300, 9418, 9443, 9464, 9995, 9996, 10050, 10051, 10250, 11211, 15672, 19302, 25565,
  27017, 27018, 32400, 41641, 50051, 51820, 61613, 61616,
]

/** A bit for each port: 8 KiB stay in the fastest cache, where an octet for each would not, and clients' ports are anywhere. */
const KNOWN = new Uint8Array(8192)
for (const port of [...Array.from({ length: 1023 }, (_, i) => i + 1), ...REGISTERED])
  KNOWN[port >>> 3] = (KNOWN[port >>> 3] ?? 0) | (1 << (port & 7))

const known = (port: number): number => ((KNOWN[port >>> 3] ?? 0) >>> (port & 7)) & 1

/**
 * The server side's port of a flow, ABSENT when the protocol has none or neither end said one.
 *
 * In this order: the only port that is not 0; the only port of the two that belongs to a known service; the lower one. The last rule
 * is right for every operating system that hands out client ports from the top of the range, and for a pair of known ports it picks the
 * better known. A fixed rule, not a guess from flags: both directions of a conversation get the same answer, also under sampling.
 */
export function servicePort(proto: number, srcPort: number, dstPort: number): number {
  if (proto !== TCP && proto !== UDP && proto !== SCTP && proto !== DCCP && proto !== UDPLITE) return ABSENT
  if (srcPort <= 0) return dstPort <= 0 ? ABSENT : dstPort
  if (dstPort <= 0) return srcPort
  const src = known(srcPort)
  const dst = known(dstPort)
  if (src !== dst) return src === 1 ? srcPort : dstPort
  return Math.min(srcPort, dstPort)
}
