import type pg from 'pg'
import type { GraphAnswer } from '../contracts/api.ts'
import type { GraphQuestion } from '../contracts/questions.ts'
import { chooseRollup, type Plan, planRaw, planRollup } from './chooser.ts'
import { addressExpression } from './dimensions.ts'
import { filterColumns } from './filter-sql.ts'
import { type Conversation, drawGraph } from './graph-model.ts'
import { Parameters } from './parameters.ts'
import { type CheckedWindow, checkCount, checkWindow } from './question.ts'
import { onSnapshot } from './session.ts'
import { internalNetworks, serviceRules } from './settings.ts'
import {
  checkRaw,
  countFlows,
  type Kept,
  readAvailability,
  readFloor,
  readTotal,
  type SumRow,
  sourceSql,
  sumsObject,
  sumsOf,
} from './source.ts'

const NODES = { least: 2, most: 300, otherwise: 60 } as const

/** Windows with at most this many flows are read from raw records, which say which end the service port is on. */
export const GRAPH_EXACT_FLOWS = 2_000_000

/** The largest conversations that become nodes and edges; what the others carry is in `rest`. */
const CONVERSATIONS = 10_000

interface ConversationRow extends SumRow {
  total: boolean
  a: string | null
  b: string | null
  proto: number | null
  port: number | null
  server: 'a' | 'b' | null
  a_value: string
  b_value: string
}

const COLUMNS = ['src_addr', 'dst_addr', 'proto', 'service_port'] as const

/**
 * Who uses which service: client → server, both directions of a conversation on one edge.
 *
 * The server is the end with the service port. Up to two million flows that is read from raw records. Rollups keep the port but not its
 * side; there the end is told by a service rule, else by how many peers it talks to on that port, else by who sends more. Nodes beyond the
 * limit fold into networks, then into one group inside and one outside. `rest` is exact: total minus the shown edges.
 */
export async function graph(pool: pg.Pool, question: GraphQuestion, exactFlows = GRAPH_EXACT_FLOWS): Promise<GraphAnswer> {
  const limit = checkCount(question.nodes, 'nodes', NODES.least, NODES.most, NODES.otherwise)
  const window = checkWindow(question)
  return onSnapshot(pool, async (client) => {
    const available = await readAvailability(client, window.from, window.to, Date.now())
    const plan = await choosePlan(client, window, available, exactFlows)
    const rules = await serviceRules(client)
    const networks = await internalNetworks(client)
    const rows = await readConversations(client, window, plan)
    const totalRow = rows.find((row) => row.total && row.flows !== null)
    const counted = sumsOf(totalRow)
    const floor = await readFloor(client, plan)
    const whole = floor === null || plan.whole === undefined ? counted : await readTotal(client, plan.whole, window.filter, window.scaled)
    const total = whole[window.metric] < counted[window.metric] ? counted : whole
    const conversations = rows.flatMap((row): Conversation[] =>
      row.total || row.a === null || row.b === null
        ? []
        : [
            {
              a: row.a,
              b: row.b,
              proto: row.proto,
              port: row.port,
              server: row.server,
              aValue: BigInt(row.a_value),
              bValue: BigInt(row.b_value),
              sums: sumsOf(row),
            },
          ],
    )
    const drawn = drawGraph({ conversations, rules, inside: networks.all, total, metric: window.metric, limit })
    return {
      from: new Date(plan.from).toISOString(),
      to: new Date(plan.to).toISOString(),
      metric: window.metric,
      scaled: window.scaled,
      filter: window.filterText,
      rollup: plan.rollup,
      resolutionSeconds: plan.resolutionSeconds,
      ...drawn,
      total: sumsObject(total, window.metric),
      ...(floor === null ? {} : { floor }),
    }
  })
}

async function choosePlan(client: pg.PoolClient, window: CheckedWindow, available: Kept, exactFlows: number): Promise<Plan> {
  const rollup = chooseRollup(new Set([...filterColumns(window.filter), ...COLUMNS]))
  const few = rollup === null || (await countFlows(client, window.from, window.to, available)) <= exactFlows
  if (rollup !== null && !(few && (await available.raw()) <= window.from)) {
    return planRollup(rollup, window.from, window.to, available, filterColumns(window.filter))
  }
  await checkRaw(client, { filter: window.filter, columns: COLUMNS }, window.from, window.to, available)
  return planRaw(window.from, window.to)
}

/**
 * Conversations with `a` the smaller address: one row per pair, protocol and service port, the largest by the metric, and one row with the
 * total of all. `a_value` and `b_value` are what each end sent.
 */
async function readConversations(client: pg.PoolClient, window: CheckedWindow, plan: Plan): Promise<ConversationRow[]> {
  const parameters = new Parameters()
  const raw = plan.resolutionSeconds === 0
  const selected = [
    { name: 'src', sql: addressExpression('src_addr', window.precision) },
    { name: 'dst', sql: addressExpression('dst_addr', window.precision) },
    { name: 'proto', sql: 'proto' },
    { name: 'port', sql: 'service_port' },
    // The destination wins when both ports are the service's: whoever is addressed at the port is asked.
    {
      name: 'to_server',
      sql: raw ? 'case when dst_port = service_port then true when src_port = service_port then false end' : 'null::boolean',
    },
  ]
  const source = sourceSql(plan, window.filter, selected, window.scaled, parameters)
  const text = (name: string): string => (window.precision === 'host' ? `host(${name})` : `${name}::text`)
  const { rows } = await client.query<ConversationRow>(
    // One grouping: adding up sums of sums costs as much again. Flows without an address have a null pair; they count in the total.
    `with pairs as materialized (
       select case when src is not null and dst is not null then least(src, dst) end as a,
         case when src is not null and dst is not null then greatest(src, dst) end as b,
         proto, port, sum(flows) as flows, sum(bytes) as bytes, sum(packets) as packets,
         sum(${window.metric}) filter (where src <= dst) as a_value, sum(${window.metric}) filter (where src > dst) as b_value,
         sum(flows) filter (where to_server = (src <= dst)) as to_b, sum(flows) filter (where to_server <> (src <= dst)) as to_a
       from (${source}) part group by 1, 2, 3, 4)
     (select false as total, ${text('a')} as a, ${text('b')} as b, proto, port,
        case when coalesce(to_b, 0) > coalesce(to_a, 0) then 'b' when coalesce(to_a, 0) > coalesce(to_b, 0) then 'a' end as server,
        coalesce(a_value, 0)::text as a_value, coalesce(b_value, 0)::text as b_value, flows::text, bytes::text, packets::text
      from pairs where a is not null
      order by pairs.${window.metric} desc, pairs.a, pairs.b, proto, port limit ${parameters.add(CONVERSATIONS, 'bigint')})
     union all
     select true, null, null, null, null, null, null, null, sum(flows)::text, sum(bytes)::text, sum(packets)::text from pairs`,
    parameters.values,
  )
  return rows
}
