'use client'

import { protocolLabel } from '@weir/db/contracts'
import { ArrowDown, ArrowUp, FileUp, Pencil, Plus, Tags, Trash2 } from 'lucide-react'
import { type ChangeEvent, useState } from 'react'
import { toast } from 'sonner'
import { ProblemError } from '../../data/fetch-json.ts'
import { exact } from '../format.ts'
import { ProblemNote } from '../shell/problem-note.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog, DialogClose, DialogContent } from '../ui/dialog.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel } from '../ui/panel.tsx'
import { Select } from '../ui/select.tsx'
import { Skeleton } from '../ui/skeleton.tsx'
import { EmptyState, ErrorState } from '../ui/state.tsx'
import { Switch } from '../ui/switch.tsx'
import { Confirm } from './confirm.tsx'
import { PageHead } from './page-head.tsx'
import { portsOf, readRules } from './rules-file.ts'
import { type RuleInput, type RuleRow, useChange, useRules } from './settings-data.ts'

const PATH = '/api/v1/service-rules'
const portText = (rule: RuleInput) =>
  rule.portLow === null
    ? 'any'
    : rule.portHigh === null || rule.portHigh === rule.portLow
      ? String(rule.portLow)
      : `${rule.portLow}–${rule.portHigh}`
const protoText = (rule: RuleInput) => (rule.proto === null ? 'any' : protocolLabel(rule.proto))
const tell = (error: unknown) =>
  toast.error(error instanceof ProblemError ? error.detail : 'The change failed', {
    description: error instanceof ProblemError ? error.remedy : 'Try again.',
  })

/** Rules that give servers the names people use for them. */
export function Services({ canWrite }: { canWrite: boolean }) {
  const rules = useRules()
  const change = useChange()
  const [editing, setEditing] = useState<RuleRow | 'new' | null>(null)
  const [removing, setRemoving] = useState<RuleRow | null>(null)
  const [importing, setImporting] = useState(false)
  const list = rules.data?.rules ?? []

  function move(index: number, by: -1 | 1) {
    const ids = list.map((rule) => rule.id)
    const [moved] = ids.splice(index, 1)
    if (moved === undefined) return
    ids.splice(index + by, 0, moved)
    change.mutateAsync({ method: 'PUT', path: `${PATH}/order`, body: { ids } }).catch(tell)
  }

  return (
    <>
      <PageHead
        title="Services"
        actions={
          canWrite ? (
            <>
              <Button onClick={() => setImporting(true)}>
                <FileUp aria-hidden="true" /> Import
              </Button>
              <Button variant="primary" onClick={() => setEditing('new')}>
                <Plus aria-hidden="true" /> Add a rule
              </Button>
            </>
          ) : undefined
        }
      >
        A rule names what runs on a server’s address, protocol and port. Rules are tried from the top; the first that fits names the service
        in the graph and in tables. What no rule fits keeps its well-known port name.
      </PageHead>
      <Panel className="overflow-hidden">
        {rules.isPending ? (
          <div className="grid gap-3 p-4">
            <Skeleton className="h-6" />
            <Skeleton className="h-6" />
            <Skeleton className="h-6" />
          </div>
        ) : rules.isError ? (
          <ErrorState error={rules.error} onRetry={() => void rules.refetch()} />
        ) : list.length === 0 ? (
          <EmptyState icon={Tags} title="No rules yet">
            {canWrite
              ? 'Add one, or import a CSV or JSON file with name, prefix, protocol and port. Until then services carry the names of well-known ports.'
              : 'An admin can add rules. Until then services carry the names of well-known ports.'}
          </EmptyState>
        ) : (
          <div className="overflow-x-auto">
            <table className="w-full text-[13px]">
              <caption className="sr-only">Service rules in the order they are tried</caption>
              <thead>
                <tr className="border-b text-left text-[12px] text-muted">
                  <th scope="col" className="w-10 py-2 pl-4 font-medium">
                    #
                  </th>
                  <th scope="col" className="px-3 py-2 font-medium">
                    Service
                  </th>
                  <th scope="col" className="px-3 py-2 font-medium max-md:hidden">
                    Server
                  </th>
                  <th scope="col" className="px-3 py-2 font-medium max-md:hidden">
                    Protocol
                  </th>
                  <th scope="col" className="px-3 py-2 font-medium max-md:hidden">
                    Port
                  </th>
                  <th scope="col" className="px-3 py-2 font-medium max-md:hidden">
                    From
                  </th>
                  {canWrite ? (
                    <th scope="col" className="px-3 py-2">
                      <span className="sr-only">Actions</span>
                    </th>
                  ) : null}
                </tr>
              </thead>
              <tbody className="divide-y">
                {list.map((rule, index) => (
                  <tr key={rule.id} className="hover:bg-raised/60">
                    <td className="py-1.5 pl-4 text-muted">{index + 1}</td>
                    <td className="px-3 py-1.5 font-medium">
                      {rule.name}
                      <span className="block font-normal text-[12.5px] text-muted md:hidden">
                        {rule.prefix ?? 'any server'} · {protoText(rule)} {portText(rule)}
                      </span>
                    </td>
                    <td className="px-3 py-1.5 font-mono text-[12.5px] max-md:hidden">
                      {rule.prefix ?? <span className="font-sans text-muted">any</span>}
                    </td>
                    <td className="px-3 py-1.5 max-md:hidden">{protoText(rule)}</td>
                    <td className="px-3 py-1.5 whitespace-nowrap max-md:hidden">{portText(rule)}</td>
                    <td className="px-3 py-1.5 text-muted max-md:hidden">{rule.source === 'ui' ? 'settings' : rule.source}</td>
                    {canWrite ? (
                      <td className="px-3 py-1 text-right whitespace-nowrap">
                        <Button
                          variant="ghost"
                          size="icon-sm"
                          aria-label={`Try ${rule.name} earlier`}
                          disabled={index === 0 || change.isPending}
                          onClick={() => move(index, -1)}
                        >
                          <ArrowUp />
                        </Button>
                        <Button
                          variant="ghost"
                          size="icon-sm"
                          aria-label={`Try ${rule.name} later`}
                          disabled={index === list.length - 1 || change.isPending}
                          onClick={() => move(index, 1)}
                        >
                          <ArrowDown />
                        </Button>
                        <Button variant="ghost" size="icon-sm" aria-label={`Change ${rule.name}`} onClick={() => setEditing(rule)}>
                          <Pencil />
                        </Button>
                        <Button variant="ghost" size="icon-sm" aria-label={`Remove ${rule.name}`} onClick={() => setRemoving(rule)}>
                          <Trash2 />
                        </Button>
                      </td>
                    ) : null}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Panel>
      {editing === null ? null : <RuleDialog rule={editing === 'new' ? null : editing} onClose={() => setEditing(null)} />}
      {importing ? <ImportDialog present={list.length} onClose={() => setImporting(false)} /> : null}
      {removing === null ? null : (
        <Confirm
          open
          onOpenChange={() => setRemoving(null)}
          title={`Remove the rule ${removing.name}?`}
          action="Remove"
          onConfirm={() => change.mutateAsync({ method: 'DELETE', path: `${PATH}/${removing.id}` })}
        >
          <p>Traffic it named goes to the next rule that fits, or to the name of its port. Stored flows do not change.</p>
        </Confirm>
      )}
    </>
  )
}

const PROTOCOLS = [
  { value: 'any', label: 'Any' },
  { value: '6', label: 'TCP' },
  { value: '17', label: 'UDP' },
  { value: '1', label: 'ICMP' },
  { value: '47', label: 'GRE' },
  { value: '50', label: 'ESP' },
  { value: '132', label: 'SCTP' },
]

function RuleDialog({ rule, onClose }: { rule: RuleRow | null; onClose: () => void }) {
  const change = useChange<RuleRow>()
  const [name, setName] = useState(rule?.name ?? '')
  const [prefix, setPrefix] = useState(rule?.prefix ?? '')
  const [proto, setProto] = useState(rule?.proto == null ? 'any' : String(rule.proto))
  const [port, setPort] = useState(rule === null || rule.portLow === null ? '' : portText(rule))
  const [flaw, setFlaw] = useState<string | null>(null)
  const options = PROTOCOLS.some((option) => option.value === proto)
    ? PROTOCOLS
    : [...PROTOCOLS, { value: proto, label: protocolLabel(Number(proto)) }]

  function save() {
    const ports = portsOf(port.trim())
    if (ports === undefined) {
      setFlaw('Write one port (443) or a range (8000-8010), or leave it empty for any.')
      return
    }
    setFlaw(null)
    const body: RuleInput = {
      name: name.trim(),
      prefix: prefix.trim() === '' ? null : prefix.trim(),
      proto: proto === 'any' ? null : Number(proto),
      portLow: ports[0],
      portHigh: ports[1],
    }
    change
      .mutateAsync(rule === null ? { method: 'POST', path: PATH, body } : { method: 'PUT', path: `${PATH}/${rule.id}`, body })
      .then(onClose, () => undefined)
  }

  return (
    <Dialog open onOpenChange={onClose}>
      <DialogContent
        title={rule === null ? 'Add a rule' : 'Change the rule'}
        className="sm:w-[460px]"
        footer={
          <>
            <DialogClose asChild>
              <Button size="lg">Cancel</Button>
            </DialogClose>
            <Button type="submit" form="rule" variant="primary" size="lg" disabled={change.isPending}>
              Save
            </Button>
          </>
        }
      >
        <form
          id="rule"
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault()
            save()
          }}
        >
          <div className="grid gap-1.5">
            <Label htmlFor="rule-name">Name of the service</Label>
            <Input
              id="rule-name"
              required
              maxLength={100}
              value={name}
              onChange={(event) => setName(event.target.value)}
              placeholder="DNS resolvers"
              className="h-9"
            />
          </div>
          <div className="grid gap-1.5">
            <Label htmlFor="rule-prefix">Server addresses</Label>
            <Input
              id="rule-prefix"
              value={prefix}
              onChange={(event) => setPrefix(event.target.value)}
              placeholder="any, or 10.0.0.0/24"
              className="h-9 font-mono text-[12.5px]"
            />
          </div>
          <div className="grid grid-cols-2 gap-3">
            <div className="grid gap-1.5">
              <span className="font-medium text-[12px] text-muted">Protocol</span>
              <Select label="Protocol" value={proto} options={options} onChange={setProto} className="h-9" />
            </div>
            <div className="grid gap-1.5">
              <Label htmlFor="rule-port">Server port</Label>
              <Input
                id="rule-port"
                value={port}
                onChange={(event) => setPort(event.target.value)}
                placeholder="any, 443 or 8000-8010"
                className="h-9"
                aria-invalid={flaw !== null || undefined}
                aria-describedby={flaw === null ? undefined : 'rule-flaw'}
              />
            </div>
          </div>
          {flaw === null ? null : (
            <p id="rule-flaw" role="alert" className="text-[12.5px] text-critical">
              {flaw}
            </p>
          )}
          {change.isError ? <ProblemNote error={change.error} /> : null}
        </form>
      </DialogContent>
    </Dialog>
  )
}

const EXAMPLE = `name,prefix,proto,port
DNS resolvers,10.0.0.53/32,udp,53
Web shop,10.0.8.0/24,tcp,443
Build farm,10.0.9.0/24,tcp,8000-8010`

function ImportDialog({ present, onClose }: { present: number; onClose: () => void }) {
  const change = useChange()
  const [text, setText] = useState('')
  const [source, setSource] = useState('import')
  const [replace, setReplace] = useState(false)
  const read = readRules(text)
  const usable = read.rules.length > 0 && read.problems.length === 0

  async function choose(event: ChangeEvent<HTMLInputElement>) {
    const file = event.target.files?.[0]
    if (file === undefined) return
    setText(await file.text())
    setSource(file.name.slice(0, 100))
  }

  return (
    <Dialog open onOpenChange={onClose}>
      <DialogContent
        title="Import rules"
        description="CSV with name, prefix, proto, port, or JSON with the same words"
        footer={
          <>
            <DialogClose asChild>
              <Button size="lg">Cancel</Button>
            </DialogClose>
            <Button
              variant="primary"
              size="lg"
              disabled={!usable || change.isPending}
              onClick={() =>
                void change.mutateAsync({ method: 'PUT', path: PATH, body: { rules: read.rules, replace, source } }).then(
                  () => {
                    toast.success(`${exact(read.rules.length)} rules imported`)
                    onClose()
                  },
                  () => undefined,
                )
              }
            >
              {read.rules.length === 0 ? 'Import' : `Import ${exact(read.rules.length)} ${read.rules.length === 1 ? 'rule' : 'rules'}`}
            </Button>
          </>
        }
      >
        <div className="grid gap-3">
          <label className="grid gap-1.5 text-[12px]">
            <span className="font-medium text-muted">File</span>
            <input
              type="file"
              accept=".csv,.json,.txt,text/csv,application/json"
              onChange={(event) => void choose(event)}
              className="text-[13px] file:mr-3 file:h-8 file:cursor-pointer file:rounded-md file:border file:border-border file:bg-surface file:px-2.5 file:font-medium file:text-[13px] file:text-foreground hover:file:bg-raised"
            />
          </label>
          <label className="grid gap-1.5 text-[12px]">
            <span className="font-medium text-muted">or paste</span>
            <textarea
              value={text}
              onChange={(event) => setText(event.target.value)}
              rows={9}
              spellCheck={false}
              placeholder={EXAMPLE}
              className="w-full resize-y rounded-md border bg-surface px-2.5 py-2 font-mono text-[12.5px] leading-5 placeholder:text-muted focus-visible:border-accent focus-visible:outline-2 focus-visible:outline-accent/40"
            />
          </label>
          {text.trim() === '' ? null : (
            <div aria-live="polite" className="text-[12.5px]">
              <p className={read.problems.length === 0 ? 'text-ok' : 'text-critical'}>
                {exact(read.rules.length)} {read.rules.length === 1 ? 'rule reads' : 'rules read'}
                {read.problems.length === 0
                  ? '.'
                  : `, ${exact(read.problems.length)} ${read.problems.length === 1 ? 'line does' : 'lines do'} not:`}
              </p>
              <ul className="mt-1 grid gap-0.5 text-muted">
                {read.problems.slice(0, 6).map((problem) => (
                  <li key={`${problem.line} ${problem.message}`}>
                    Line {problem.line}: {problem.message}.
                  </li>
                ))}
                {read.problems.length > 6 ? <li>and {exact(read.problems.length - 6)} more.</li> : null}
              </ul>
            </div>
          )}
          {present > 0 ? (
            <div className="flex items-center gap-2.5 text-[13px]">
              <Switch id="replace" checked={replace} onCheckedChange={setReplace} />
              <label htmlFor="replace">
                Replace the {exact(present)} present {present === 1 ? 'rule' : 'rules'}; otherwise the new ones are tried after them
              </label>
            </div>
          ) : null}
          {change.isError ? <ProblemNote error={change.error} /> : null}
        </div>
      </DialogContent>
    </Dialog>
  )
}
