/** Where exporters must send to: this host's address as they reach it, and the ports of the listeners. */
export type ListenerPorts = { netflow: number; ipfix: number; sflow: number }

export type DeviceConfig = { id: string; title: string; note: string; text: (host: string, ports: ListenerPorts) => string }

/** Ready to paste. Words in angle brackets are the only thing to fill in. Active timeout one minute: Weir shows traffic after it. */
export const DEVICE_CONFIGS: readonly DeviceConfig[] = [
  {
    id: 'ios-xe',
    title: 'Cisco IOS-XE',
    note: 'Flexible NetFlow, exported as IPFIX. Repeat the last block for every interface to watch.',
    text: (host, ports) => `flow record WEIR-V4
 match ipv4 tos
 match ipv4 protocol
 match ipv4 source address
 match ipv4 destination address
 match transport source-port
 match transport destination-port
 match interface input
 collect interface output
 collect routing source as
 collect routing destination as
 collect routing next-hop address ipv4
 collect transport tcp flags
 collect counter bytes long
 collect counter packets long
 collect timestamp absolute first
 collect timestamp absolute last
!
flow exporter WEIR
 destination ${host}
 source <Loopback0>
 transport udp ${ports.ipfix}
 export-protocol ipfix
 template data timeout 60
 option interface-table timeout 300
 option sampler-table timeout 300
!
flow monitor WEIR-V4
 record WEIR-V4
 exporter WEIR
 cache timeout active 60
 cache timeout inactive 15
!
interface <GigabitEthernet1>
 ip flow monitor WEIR-V4 input`,
  },
  {
    id: 'junos',
    title: 'Juniper Junos',
    note: 'Inline J-Flow (MX, vMX), IPFIX, 1 in 1000 packets.',
    text: (host, ports) => `set services flow-monitoring version-ipfix template WEIR flow-active-timeout 60
set services flow-monitoring version-ipfix template WEIR flow-inactive-timeout 15
set services flow-monitoring version-ipfix template WEIR template-refresh-rate seconds 60
set services flow-monitoring version-ipfix template WEIR option-refresh-rate seconds 60
set services flow-monitoring version-ipfix template WEIR ipv4-template
set forwarding-options sampling instance WEIR input rate 1000
set forwarding-options sampling instance WEIR family inet output flow-server ${host} port ${ports.ipfix}
set forwarding-options sampling instance WEIR family inet output flow-server ${host} version-ipfix template WEIR
set forwarding-options sampling instance WEIR family inet output inline-jflow source-address <router-address>
set chassis fpc <0> sampling-instance WEIR
set interfaces <xe-0/0/0> unit 0 family inet sampling input`,
  },
  {
    id: 'mikrotik',
    title: 'MikroTik RouterOS',
    note: 'RouterOS 7, NetFlow v9 for all interfaces.',
    text: (host, ports) => `/ip traffic-flow set enabled=yes interfaces=all active-flow-timeout=1m inactive-flow-timeout=15s
/ip traffic-flow target add dst-address=${host} port=${ports.netflow} version=9 v9-template-timeout=60s`,
  },
  {
    id: 'softflowd',
    title: 'Linux (softflowd)',
    note: 'Any Linux host or a mirror port. Package softflowd in Debian, Ubuntu, Fedora and others.',
    text: (host, ports) => `softflowd -i <eth0> -n ${formatHost(host)}:${ports.netflow} -v 9 -t maxlife=60 -t expint=10`,
  },
  {
    id: 'sflow',
    title: 'sFlow (hsflowd)',
    note: 'Linux hosts and switches that run hsflowd; /etc/hsflowd.conf.',
    text: (host, ports) => `sflow {
  sampling.1G = 1000
  sampling.10G = 10000
  polling = 20
  collector { ip = ${host} udpport = ${ports.sflow} }
  pcap { dev = <eth0> }
}`,
  },
]

/** An IPv6 address before a port stands in brackets. */
const formatHost = (host: string): string => (host.includes(':') ? `[${host}]` : host)
