/**
 * Well-known ports and protocol numbers, with names people use.
 *
 * From the IANA "Service Name and Transport Protocol Port Number Registry" and "Protocol Numbers"; where the registered name is one
 * nobody says (`domain`, `ms-wbt-server`, `microsoft-ds`) the everyday one stands here and the registered one is an alias. A name is a
 * hint from a number: what really ran on the port is not known.
 */

/** `port name` separated by `;`. `t` after the port: TCP only, `u`: UDP only, nothing: both. A name stands once, at the port it means. */
const PORTS = `1t tcpmux;7 echo;9 discard;11t systat;13 daytime;17 qotd;19 chargen;20t ftp-data;21t ftp;22 ssh;23t telnet;25t smtp;37 time;
42 nameserver;43t whois;49 tacacs;53 dns;67u dhcp-server;68u dhcp-client;69u tftp;70t gopher;79t finger;80 http;88 kerberos;102t iso-tsap;
104t dicom;106t poppassd;110t pop3;111 sunrpc;113t ident;119t nntp;123u ntp;135 msrpc;137u netbios-ns;138u netbios-dgm;139t netbios-ssn;
143t imap;161 snmp;162 snmp-trap;163 cmip-man;164 cmip-agent;177u xdmcp;179t bgp;194t irc;199t smux;209t qmtp;210t z3950;213u ipx;
264t bgmp;319u ptp-event;320u ptp-general;345t pawserv;369 rpc2portmap;371u clearcase;389 ldap;427 svrloc;443 https;444t snpp;445 smb;
464 kpasswd;465t submissions;496 pim-rp-disc;500u isakmp;502t modbus;512t exec;512u biff;513t login;513u who;514t shell;514u syslog;515t printer;
517u talk;518u ntalk;520u rip;521u ripng;524 ncp;530t courier;538 gdomap;540t uucp;543t klogin;544t kshell;546u dhcpv6-client;547u dhcpv6-server;
548t afp;554 rtsp;563t nntps;587t submission;593t http-rpc-epmap;601t syslog-conn;607t nqs;623 ipmi;631 ipp;636 ldaps;639t msdp;646 ldp;655 tinc;
666t doom;674t acap;688t realm-rusd;691t msexch-routing;694u ha-cluster;698u olsr;706t silc;749 kerberos-adm;750 kerberos4;783t spamd;
830t netconf-ssh;831t netconf-beep;853 dns-tls;860t iscsi;861t owamp-control;862 twamp-control;873t rsync;902t vmware-auth;989t ftps-data;990t ftps;
992t telnets;993t imaps;994t ircs;995t pop3s;1080t socks;1085 webobjects;1093t proofd;1094t rootd;1099t rmiregistry;1167 cisco-ipsla;1194 openvpn;
1214t kazaa;1241t nessus;1311t dell-openmanage;1337t menandmice-dns;1352t lotusnotes;1433 mssql;1434u mssql-monitor;1494t citrix-ica;1503t netmeeting;
1512 wins;1521t oracle;1524t ingreslock;1526t oracle-alt;1527t derby;1533t sametime;1589 vqp;1645u radius-old;1646u radius-acct-old;1677t groupwise;
1688t kms;1701u l2tp;1718u h323gatedisc;1719u h323gatestat;1720t h323;1723t pptp;1741t ciscoworks;1755 ms-streaming;1812 radius;1813 radius-acct;
1863t msnp;1883t mqtt;1900u ssdp;1935t rtmp;1967u cisco-sla-responder;1985u hsrp;1998t x25-svc-port;2000t cisco-sccp;2029u hsrpv6;2049 nfs;2055u netflow;
2082t cpanel;2083 radsec;2086t gnunet;2087t whm;2095t cpanel-webmail;2101t rtcm;2102u zephyr-srv;2103u zephyr-clt;2104u zephyr-hm;2121t iprop;
2152u gtp-user;2123u gtp-control;2181t zookeeper;2195t apns-old;2222t ssh-alt;2223u rockwell-csp2;2375t docker;2376t docker-tls;2377t docker-swarm;
2379t etcd-client;2380t etcd-server;2401t cvspserver;2404t iec-104;2424t orientdb;2427u mgcp-gateway;2430 venus;2483t oracle-tcp;2484t oracle-tls;
2525t smtp-alt;2583 mon;2601t zebra;2602t ripd;2604t ospfd;2605t bgpd;2606t ospf6d;2608t isisd;2628t dict;2727u mgcp-callagent;2775t smpp;
2811t gsiftp;2905 m3ua;2947t gpsd;2948 wap-push;2967 symantec-av;3000t web-dev;3050t firebird;3074 xbox-live;3128t squid;3130u icpv2;3205 isns;
3260t iscsi-target;3268t ldap-gc;3269t ldaps-gc;3283 apple-remote;3300t ceph-mon;3306t mysql;3310t clamav;3389 rdp;3478 stun;3493 nut;3544u teredo;
3632t distcc;3659 apple-sasl;3671 knx;3689t daap;3690t svn;3702u ws-discovery;3724t blizzard;3784u bfd-control;3785u bfd-echo;3868 diameter;
4000t remoteanything;4040t spark-ui;4044t ltp;4045 nfs-lock;4070t spotify-connect;4100t watchguard;4172 pcoip;4190t sieve;4242t quassel;4222t nats;
4224t xtell;4321t rwhois;4333t msql;4353t f5-iquery;4369t epmd;4433t https-test;4443t https-alt-4443;4444t krb524;4460t ntske;4500u ipsec-nat-t;
4567t galera;4569u iax2;4662t edonkey;4672u emule;4664t google-desktop;4711t mcafee;4712u commtouch;4739 ipfix;4740 ipfixs;4784u bfd-multihop;
4786t cisco-smart-install;4789u vxlan;4790u vxlan-gpe;4791u roce2;4840 opc-ua;4899t radmin;4949t munin;4950t sybase-srv;5000t upnp-alt;5001t iperf2;
5004u rtp;5005u rtcp;5037t adb;5050t mmcc;5051t ida-agent;5060 sip;5061 sips;5094 hart-ip;5190t aim;5201 iperf3;5222t xmpp-client;5223t apns;
5228t google-play;5235t gcm;5246u capwap-control;5247u capwap-data;5269t xmpp-server;5280t xmpp-bosh;5308t cfengine;5349 stuns;5351u nat-pmp;
5353u mdns;5355 llmnr;5357t wsd;5432t postgresql;5433t postgresql-alt;5555t adb-tcp;5556t freeciv;5601t kibana;5631t pcanywhere;5632u pcanywhere-stat;
5666t nrpe;5667t nsca;5671t amqps;5672t amqp;5683u coap;5684u coaps;5693t ncpa;5800t vnc-http;5858t node-debug;5900t vnc;5901t vnc-1;5938 teamviewer;5984t couchdb;
5985t winrm;5986t winrms;6000t x11;6001t x11-1;6066t spark-rest;6081u geneve;6083u ovn-bfd;6112t dtspc;6129t dameware;6257u winmx;6343u sflow;
6346 gnutella;6379t redis;6380t redis-tls;6432t pgbouncer;6443t kubernetes-api;6444t sge-qmaster;6446t mysql-proxy;6513t netconf-tls;6514 syslog-tls;
6566t sane;6600t mpd;6633t openflow-old;6640t ovsdb;6653t openflow;6667t ircd;6679t osaut;6690t synology-drive;6696u babel;6697t ircs-u;6771u bittorrent-lpd;
6800t ceph-osd;6881 bittorrent;6882 bittorrent-2;6969 bittorrent-tracker;7000 afs3-fileserver;7001 afs3-callback;7070t realserver;7077t spark-master;
7180t cloudera;7199t cassandra-jmx;7400u dds-rtps;7443t https-alt-7443;7474t neo4j;7547 cwmp;7687t neo4j-bolt;7777t cbt;7946 docker-gossip;8000t http-alt-8000;8005t tomcat-shutdown;
8006t proxmox;8008t http-alt-8008;8009t ajp13;8020t hdfs-namenode;8021t zope-ftp;8042t yarn-node;8080 http-alt;8081t http-alt-8081;8083t influxdb-admin;
8086t influxdb;8087t riak;8088t http-alt-8088;8089t splunkd;8090t confluence;8091t couchbase;8096t jellyfin;8112t deluge;8116u checkpoint-cluster;
8123t home-assistant;8140t puppet;8172t msdeploy;8200t vault;8222t vmware-http;8243t https-alt-8243;8291t winbox;8300t consul-rpc;8301 consul-serf;8302 consul-wan;
8333t bitcoin;8384t syncthing-gui;8443 https-alt;8472u vxlan-linux;8500t consul;8530t wsus;8531t wsus-tls;8554 rtsp-alt;8600 consul-dns;8649 ganglia;
8728t mikrotik-api;8729t mikrotik-api-tls;8787t rstudio;8800u stratum;8834t nessus-web;8843u unifi-portal;8880t http-alt-8880;8883t mqtts;8888t http-alt-8888;
8983t solr;8990t clc-build;9000t minio;9001t tor-orport;9030t tor-dir;9042t cassandra;9050t tor-socks;9051t tor-control;9060t websphere;9080t glrpc;9090t prometheus;9091t transmission;
9092t kafka;9093t alertmanager;9094t kafka-tls;9095t kafka-alt;9100t jetdirect;9101t bacula-dir;9102t bacula-fd;9103t bacula-sd;9119t mxit;9150t tor-browser;
9160t cassandra-thrift;9191t sun-as;9200t elasticsearch;9292t armagetron;9300t elasticsearch-node;9339t gnmi-gnoi;9389t adws;9418t git;9443t https-alt-9443;
9464t prometheus-otel;9530t mini-upnp;9600 omron-fins;9673t zope;9800t webdav-source;9898t tripwire;9987u teamspeak3;9993u zerotier;9995u netflow-alt;9996u netflow-alt2;
9999t urchin;10000t webmin;10001u ubiquiti-discovery;10050t zabbix-agent;10051t zabbix-trapper;10080t amanda;10161 snmp-tls;10162 snmp-trap-tls;10250t kubelet;10255t kubelet-ro;10256t kube-proxy;
10443t https-alt-10443;10809t nbd;11211 memcached;11214t memcached-tls;11371t hkp;11434t ollama;12345t netbus;13720t netbackup;13724t veritas-vnetd;14550u mavlink;
15672t rabbitmq-admin;16379t redis-cluster;16509t libvirt;16992t intel-amt;16993t intel-amts;17500 dropbox-lan;18080t monero;18091t couchbase-tls;18333t bitcoin-testnet;
19132u minecraft-bedrock;19302u google-stun;20000 dnp3;21025t starbound;21027u syncthing-discovery;22000 syncthing;22125t dcap;24007t glusterd;24224 fluentd;24554t binkp;
24800t synergy;25565t minecraft;25672t erlang-dist;26000u quake;26257t cockroachdb;27015 steam-srcds;27017t mongodb;27018t mongodb-shard;27036 steam-stream;
27374t sub7;27960u quake3;28015u rust-game;28017t mongodb-web;30303 ethereum;31337t back-orifice;32400t plex;32764t router-backdoor;33060t mysqlx;33434u traceroute;34567t dvr-xmeye;
34962 profinet-rt;34963 profinet-rtm;34964 profinet-cm;37008u tzsp;37777t dahua-dvr;40000 safetynetp;41641u tailscale;41794 crestron;44818 ethernet-ip;47808u bacnet;
49152t upnp-dyn;50000t db2;50051t grpc;51413 transmission-peer;51820u wireguard;54321t bo2k;55443t yeelight;57621 spotify-p2p;60000u mosh;61613t stomp;61616t activemq;62078t iphone-sync;64738 mumble`

/** Names that mean a port whose own name is another: registered names, and what people type. */
const PORT_ALIASES: Readonly<Record<string, number>> = {
  domain: 53,
  www: 80,
  'www-http': 80,
  bootps: 67,
  bootpc: 68,
  dhcp: 67,
  epmap: 135,
  imap2: 143,
  'microsoft-ds': 445,
  cifs: 445,
  smtps: 465,
  ike: 500,
  router: 520,
  'asf-rmcp': 623,
  'domain-s': 853,
  dot: 853,
  'ms-sql-s': 1433,
  'ms-wbt-server': 3389,
  postgres: 5432,
  jabber: 5222,
  'sip-tls': 5061,
  quic: 443,
  snmptrap: 162,
  mail: 25,
}

export interface ProtocolName {
  number: number
  /** As the filter language writes it. */
  name: string
  /** As a person reads it. */
  label: string
}

/** IANA protocol numbers that have a use; the others are known by number. */
const PROTOCOLS: readonly (readonly [number, string, string])[] = [
  [0, 'hopopt', 'HOPOPT'],
  [1, 'icmp', 'ICMP'],
  [2, 'igmp', 'IGMP'],
  [3, 'ggp', 'GGP'],
  [4, 'ipip', 'IPIP'],
  [5, 'st', 'ST'],
  [6, 'tcp', 'TCP'],
  [8, 'egp', 'EGP'],
  [9, 'igp', 'IGP'],
  [17, 'udp', 'UDP'],
  [27, 'rdp-proto', 'RDP (27)'],
  [33, 'dccp', 'DCCP'],
  [37, 'ddp', 'DDP'],
  [41, 'ipv6', 'IPv6 in IP'],
  [43, 'ipv6-route', 'IPv6-Route'],
  [44, 'ipv6-frag', 'IPv6-Frag'],
  [46, 'rsvp', 'RSVP'],
  [47, 'gre', 'GRE'],
  [50, 'esp', 'ESP'],
  [51, 'ah', 'AH'],
  [58, 'icmp6', 'ICMPv6'],
  [59, 'ipv6-nonxt', 'IPv6-NoNxt'],
  [60, 'ipv6-opts', 'IPv6-Opts'],
  [88, 'eigrp', 'EIGRP'],
  [89, 'ospf', 'OSPF'],
  [94, 'ipip-encap', 'IPIP (94)'],
  [97, 'etherip', 'EtherIP'],
  [98, 'encap', 'ENCAP'],
  [103, 'pim', 'PIM'],
  [108, 'ipcomp', 'IPComp'],
  [112, 'vrrp', 'VRRP'],
  [115, 'l2tp-ip', 'L2TP'],
  [124, 'isis', 'IS-IS over IPv4'],
  [132, 'sctp', 'SCTP'],
  [133, 'fc', 'FC'],
  [135, 'mobility', 'Mobility Header'],
  [136, 'udplite', 'UDPLite'],
  [137, 'mpls-in-ip', 'MPLS-in-IP'],
  [138, 'manet', 'MANET'],
  [139, 'hip', 'HIP'],
  [140, 'shim6', 'Shim6'],
  [142, 'rohc', 'ROHC'],
  [143, 'ethernet', 'Ethernet'],
]

const PROTOCOL_ALIASES: Readonly<Record<string, number>> = { 'ipv6-icmp': 58, icmpv6: 58, ospfigp: 89, ipencap: 4, l2tp: 115 }

const tcpNames = new Map<number, string>()
const udpNames = new Map<number, string>()
const portsByName = new Map<string, number>(Object.entries(PORT_ALIASES))
const canonicalNames: string[] = []

for (const entry of PORTS.split(';')) {
  const match = /^\s*(\d+)([tu]?) (\S+)$/.exec(entry)
  if (match === null) throw new Error(`contracts/services: '${entry}' is not 'port name'`)
  const port = Number(match[1])
  const name = match[3] ?? ''
  if (match[2] !== 'u') tcpNames.set(port, name)
  if (match[2] !== 't') udpNames.set(port, name)
  portsByName.set(name, port)
  canonicalNames.push(name)
}

const protocolsByNumber = new Map<number, ProtocolName>()
const protocolsByName = new Map<string, number>(Object.entries(PROTOCOL_ALIASES))
for (const [number, name, label] of PROTOCOLS) {
  protocolsByNumber.set(number, { number, name, label })
  protocolsByName.set(name, number)
}

/** Every service name with its port, in port order, for completion. */
export const SERVICE_NAMES: readonly { name: string; port: number }[] = canonicalNames.map((name) => ({
  name,
  port: portsByName.get(name) ?? 0,
}))

/** Every protocol with a name, in number order, for completion. */
export const PROTOCOL_NAMES: readonly ProtocolName[] = [...protocolsByNumber.values()]

/** The name of a port, or null. `proto` null or one without ports of its own (anything but 6, 17) takes whichever is known, TCP first. */
export function portName(port: number, proto: number | null = null): string | null {
  if (proto === 17) return udpNames.get(port) ?? null
  if (proto === 6) return tcpNames.get(port) ?? null
  return tcpNames.get(port) ?? udpNames.get(port) ?? null
}

/** The port a service name or alias means, or null. Letter case does not matter. */
export function portByName(name: string): number | null {
  return portsByName.get(name.toLowerCase()) ?? null
}

/** `tcp`, `udp` … or the number as text: what the filter language writes. */
export function protocolName(number: number): string {
  return protocolsByNumber.get(number)?.name ?? String(number)
}

/** `TCP`, `ICMPv6` … or `protocol 253`: what people read. */
export function protocolLabel(number: number): string {
  return protocolsByNumber.get(number)?.label ?? `protocol ${number}`
}

/** The number a protocol name or alias means, or null. Letter case does not matter. */
export function protocolByName(name: string): number | null {
  return protocolsByName.get(name.toLowerCase()) ?? null
}

/** `443 https`, or `50123` for a port without a name. */
export function portLabel(port: number, proto: number | null = null): string {
  const name = portName(port, proto)
  return name === null ? String(port) : `${port} ${name}`
}

/** `tcp/443 https`, `udp/50123`, `icmp`; `port 443 https` when the protocol is unknown; `unknown` when both are. */
export function serviceLabel(proto: number | null, port: number | null): string {
  if (proto === null) return port === null ? 'unknown' : `port ${portLabel(port)}`
  if (port === null) return protocolName(proto)
  return `${protocolName(proto)}/${portLabel(port, proto)}`
}

/** TCP control bits from the lowest (RFC 9293, section 3.1; NS of RFC 3540). */
export const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'] as const

/** `syn+ack`; `none` for 0; the number as text when a bit without a name is set. */
export function tcpFlagsText(flags: number): string {
  if (flags === 0) return 'none'
  if (flags >= 1 << TCP_FLAGS.length) return String(flags)
  return TCP_FLAGS.filter((_, bit) => (flags >> bit) & 1).join('+')
}

/** EtherTypes a flow export carries. */
const ETYPES: Readonly<Record<number, string>> = {
  2048: 'IPv4',
  2054: 'ARP',
  33024: 'VLAN',
  34525: 'IPv6',
  34887: 'MPLS',
  34888: 'MPLS multicast',
  34958: '802.1X',
  34984: 'QinQ',
  35020: 'LLDP',
  35045: 'MACsec',
  35063: 'PTP',
  35078: 'PRP',
  35130: 'FCoE',
}

/** `IPv4`, `ARP` … or `0x88f7` for one without a name. */
export function etypeLabel(etype: number): string {
  return ETYPES[etype] ?? `0x${etype.toString(16).padStart(4, '0')}`
}

const DSCP: Readonly<Record<number, string>> = {
  0: 'CS0',
  8: 'CS1',
  10: 'AF11',
  12: 'AF12',
  14: 'AF13',
  16: 'CS2',
  18: 'AF21',
  20: 'AF22',
  22: 'AF23',
  24: 'CS3',
  26: 'AF31',
  28: 'AF32',
  30: 'AF33',
  32: 'CS4',
  34: 'AF41',
  36: 'AF42',
  38: 'AF43',
  40: 'CS5',
  44: 'VA',
  46: 'EF',
  48: 'CS6',
  56: 'CS7',
}

/** A type-of-service octet as its DSCP class (RFC 2474, 4594): `184 EF`, `0 CS0`; just the number without one. */
export function tosLabel(tos: number): string {
  const name = DSCP[tos >> 2]
  return name === undefined ? String(tos) : `${tos} ${name}`
}

/** `flow.type` codes and the texts of the interchange record's `type`. */
export const FLOW_TYPES: readonly (readonly [number, string])[] = [
  [1, 'NETFLOW_V1'],
  [5, 'NETFLOW_V5'],
  [7, 'NETFLOW_V7'],
  [8, 'NETFLOW_V8'],
  [9, 'NETFLOW_V9'],
  [10, 'IPFIX'],
  [105, 'SFLOW_5'],
]

/** `NETFLOW_V5` … for a code, or null. */
export function flowTypeText(code: number): string | null {
  return FLOW_TYPES.find(([known]) => known === code)?.[1] ?? null
}

/** The code of `NETFLOW_V5`, `netflow5`, `v5`, `ipfix`, `sflow` …, or null. Letter case and punctuation do not matter. */
export function flowTypeCode(text: string): number | null {
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, '')
  for (const [code, name] of FLOW_TYPES) {
    const known = name.toLowerCase().replace(/[^a-z0-9]/g, '')
    if (plain === known || plain === known.replace('netflowv', 'v') || plain === known.replace('netflowv', 'netflow')) return code
  }
  if (plain === 'sflow') return 105
  if (plain === 'v10' || plain === 'netflowv10' || plain === 'netflow10') return 10
  return null
}
