import type { Dimension } from '@weir/db/contracts'

/** One panel of the Overview. Two dimensions are two sides of the same thing and share a panel with a switch. */
export type PanelSpec = {
  id: string
  title: string
  /** What one row is called, for messages: 'source', 'conversation'. */
  row: string
  sides: readonly { value: Dimension; label: string }[]
  /** Keys are addresses or numbers and are set in the fixed-width face. */
  mono: boolean
  /** Takes two columns of the grid: its names are long. */
  wide?: boolean
}

export const PANELS: readonly PanelSpec[] = [
  { id: 'src', title: 'Sources', row: 'source', sides: [{ value: 'src_addr', label: 'Source' }], mono: true },
  { id: 'dst', title: 'Destinations', row: 'destination', sides: [{ value: 'dst_addr', label: 'Destination' }], mono: true },
  { id: 'svc', title: 'Services', row: 'service', sides: [{ value: 'service', label: 'Service' }], mono: false },
  {
    id: 'conv',
    title: 'Conversations',
    row: 'conversation',
    sides: [{ value: 'conversation', label: 'Conversation' }],
    mono: true,
    wide: true,
  },
  { id: 'proto', title: 'Protocols', row: 'protocol', sides: [{ value: 'proto', label: 'Protocol' }], mono: false },
  { id: 'sas', title: 'Source AS', row: 'autonomous system', sides: [{ value: 'src_as', label: 'Source AS' }], mono: false },
  { id: 'das', title: 'Destination AS', row: 'autonomous system', sides: [{ value: 'dst_as', label: 'Destination AS' }], mono: false },
  {
    id: 'cc',
    title: 'Countries',
    row: 'country',
    sides: [
      { value: 'src_country', label: 'From' },
      { value: 'dst_country', label: 'To' },
    ],
    mono: false,
  },
  {
    id: 'if',
    title: 'Interfaces',
    row: 'interface',
    sides: [
      { value: 'in_if', label: 'In' },
      { value: 'out_if', label: 'Out' },
    ],
    mono: false,
    wide: true,
  },
  { id: 'exp', title: 'Exporters', row: 'exporter', sides: [{ value: 'exporter', label: 'Exporter' }], mono: false },
]

/** What the chart can be split by. `total` is one area. */
export const SPLITS = [
  { value: 'service', label: 'Service' },
  { value: 'proto', label: 'Protocol' },
  { value: 'exporter', label: 'Exporter' },
  { value: 'in_if', label: 'Interface in' },
  { value: 'out_if', label: 'Interface out' },
  { value: 'src_as', label: 'Source AS' },
  { value: 'dst_as', label: 'Destination AS' },
  { value: 'src_country', label: 'Source country' },
  { value: 'dst_country', label: 'Destination country' },
  { value: 'total', label: 'Total' },
] as const satisfies readonly { value: Dimension | 'total'; label: string }[]
export type Split = (typeof SPLITS)[number]['value']
export const SPLIT_VALUES = SPLITS.map((split) => split.value)
