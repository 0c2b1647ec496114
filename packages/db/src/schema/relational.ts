import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  cidr,
  doublePrecision,
  index,
  inet,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

// The relational tables as drizzle sees them. The SQL that makes them is migrations/0001-relational.sql; `flow` and the rollups are not here:
// drizzle cannot express partitions, hypertables or continuous aggregates.

/** One exporting process (RFC 7011, section 2), known by its address. Counters are totals since `firstSeen`. */
export const exporter = pgTable('exporter', {
  id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
  address: inet('address').notNull().unique(),
  /** Given by a person; null until then. */
  name: text('name'),
  /** Sends the demo's traffic: removable with everything it sent. */
  demo: boolean('demo').notNull().default(false),
  firstSeen: timestamp('first_seen', { withTimezone: true }).notNull().defaultNow(),
  lastSeen: timestamp('last_seen', { withTimezone: true }).notNull().defaultNow(),
  /** Since when a person counts it as gone; null while in service. */
  retired: timestamp('retired', { withTimezone: true }),
  formats: text('formats').array().notNull().default(sql`'{}'`),
  /** N of "1 in N" as last learned; null unknown. */
  samplingRate: integer('sampling_rate'),
  /** Exporter's clock minus ours, milliseconds; null not measurable. */
  skewMs: doublePrecision('skew_ms'),
  datagrams: bigint('datagrams', { mode: 'number' }).notNull().default(0),
  flows: bigint('flows', { mode: 'number' }).notNull().default(0),
  /** Lost on the way by the protocol's own sequence numbers, and what was announced in the same unit. */
  lost: bigint('lost', { mode: 'number' }).notNull().default(0),
  announced: bigint('announced', { mode: 'number' }).notNull().default(0),
  problems: bigint('problems', { mode: 'number' }).notNull().default(0),
  templates: bigint('templates', { mode: 'number' }).notNull().default(0),
  flowsPerSecond: doublePrecision('flows_per_second').notNull().default(0),
  bitsPerSecond: doublePrecision('bits_per_second').notNull().default(0),
})

/** One interface of an exporter: what options data, sFlow or a person said about an ifIndex. Named `networkInterface`: `interface` is a TypeScript word. */
export const networkInterface = pgTable(
  'interface',
  {
    exporterId: integer('exporter_id')
      .notNull()
      .references(() => exporter.id, { onDelete: 'cascade' }),
    ifIndex: bigint('if_index', { mode: 'number' }).notNull(),
    /** As its exporter announces it. */
    toldName: text('told_name'),
    /** As a person calls it, which stands over what is announced. */
    givenName: text('given_name'),
    /** The given name, else the announced one. */
    name: text('name').generatedAlwaysAs(sql`coalesce(given_name, told_name)`),
    description: text('description'),
    /** 'external' or 'internal', set by a person; null undecided. */
    boundary: text('boundary'),
    speedBitsPerSecond: bigint('speed_bits_per_second', { mode: 'number' }),
  },
  (table) => [primaryKey({ columns: [table.exporterId, table.ifIndex] })],
)

/** Name of an autonomous system, from the AS data's edition in `setting` key `as_names`. */
export const asName = pgTable('as_name', {
  asn: bigint('asn', { mode: 'number' }).primaryKey(),
  name: text('name').notNull(),
})

/** Names a service by server prefix, protocol and server port; the lowest `position` that matches wins. Null matches anything. */
export const serviceRule = pgTable(
  'service_rule',
  {
    id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
    name: text('name').notNull(),
    prefix: cidr('prefix'),
    proto: smallint('proto'),
    portLow: integer('port_low'),
    portHigh: integer('port_high'),
    /** Where the rule came from: 'ui', or the name of the imported file. */
    source: text('source').notNull().default('ui'),
    position: integer('position').notNull().default(0),
  },
  (table) => [index('service_rule_position_idx').on(table.position, table.id)],
)

/** Networks that count as inside. */
export const homeNetwork = pgTable('home_network', { prefix: cidr('prefix').primaryKey() })

/** One setting per key; the shape of `value` belongs to the key's owner. */
export const setting = pgTable('setting', {
  key: text('key').primaryKey(),
  value: jsonb('value').notNull(),
})

/** The last status a collector reported: counters, listeners, queue depths. */
export const collectorStatus = pgTable('collector_status', {
  id: text('id').primaryKey(),
  updatedAt: timestamp('updated_at', { withTimezone: true }).notNull().defaultNow(),
  status: jsonb('status').notNull(),
})
