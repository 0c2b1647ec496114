'use client'
import type { HealthAnswer } from '@weir/db/contracts'
import { useEffect, useState } from 'react'
import { StateDot } from '../ui/badge.tsx'
import { CopyButton } from '../ui/copy-button.tsx'
import { Input, Label } from '../ui/input.tsx'
import { Panel, PanelBody, PanelHeader } from '../ui/panel.tsx'
import { Tabs, TabsContent, TabsList, TabsTrigger } from '../ui/tabs.tsx'
import { DEVICE_CONFIGS, type ListenerPorts } from './device-configs.ts'

/** Nothing has ever arrived: how to point an exporter here, whether the listeners are ready, and demo traffic as the other way. */
export function FirstRun({
  ports,
  addresses,
  health,
}: {
  ports: ListenerPorts
  addresses: readonly string[]
  health: HealthAnswer | undefined
}) {
  const [host, setHost] = useState(addresses[0] ?? '')
  useEffect(() => {
    const name = window.location.hostname.replace(/^\[|\]$/g, '')
    // Opened over the network, the address in the address bar is one that is known to reach this host.
    if (name !== 'localhost' && name !== '127.0.0.1' && name !== '::1') setHost(name)
  }, [])
  const target = host.trim() === '' ? '<this-host>' : host.trim()
  const listeners = (health?.checks ?? []).filter((check) => /^(collector|listener|kernel)/i.test(check.name))
  return (
    <div className="flex flex-col gap-4">
      <Panel>
        <div className="px-4 pt-5 pb-1 sm:px-6">
          <h1 className="font-semibold text-[20px] tracking-tight">No flow has arrived yet</h1>
          <p className="mt-1 max-w-2xl text-[14px] text-muted leading-relaxed">
            Weir shows what routers, switches, firewalls and hosts export to it. Point one here and this page fills by itself, about a
            minute later.
          </p>
        </div>
        <div className="grid gap-px overflow-hidden rounded-b-lg border-border border-t bg-border mt-4 sm:grid-cols-3">
          {[
            { title: 'NetFlow v5, v9 and IPFIX', port: ports.netflow, hint: 'UDP' },
            { title: 'IPFIX', port: ports.ipfix, hint: 'UDP' },
            { title: 'sFlow v5', port: ports.sflow, hint: 'UDP' },
          ].map((one) => (
            <div key={one.title} className="bg-surface px-4 py-3 sm:px-6">
              <p className="text-[12px] text-muted">{one.title}</p>
              <p className="mt-0.5 flex items-center gap-1 font-mono text-[15px]">
                {target}:{one.port}
                <CopyButton text={`${target}:${one.port}`} label={`Copy ${target}:${one.port}`} />
              </p>
            </div>
          ))}
        </div>
      </Panel>
      <div className="grid gap-4 xl:grid-cols-[minmax(0,1fr)_360px]">
        <Panel>
          <PanelHeader
            title="Point an exporter here"
            hint={<span className="max-sm:hidden">any format is accepted on any of the ports</span>}
          />
          <PanelBody>
            <div className="mb-3 flex max-w-sm flex-col gap-1">
              <Label htmlFor="exporter-host">Address of this host, as your devices reach it</Label>
              <Input
                id="exporter-host"
                value={host}
                onChange={(event) => setHost(event.target.value)}
                placeholder="192.0.2.10"
                spellCheck={false}
                className="font-mono"
                list="host-addresses"
              />
              <datalist id="host-addresses">
                {addresses.map((address) => (
                  <option key={address} value={address} />
                ))}
              </datalist>
            </div>
            <Tabs defaultValue={DEVICE_CONFIGS[0]?.id ?? ''}>
              <TabsList aria-label="Device">
                {DEVICE_CONFIGS.map((device) => (
                  <TabsTrigger key={device.id} value={device.id}>
                    {device.title}
                  </TabsTrigger>
                ))}
              </TabsList>
              {DEVICE_CONFIGS.map((device) => {
                const text = device.text(target, ports)
                return (
                  <TabsContent key={device.id} value={device.id} className="pt-3">
                    <div className="mb-2 flex items-center justify-between gap-3">
                      <p className="text-[13px] text-muted">{device.note}</p>
                      <CopyButton text={text} label={`Copy the configuration for ${device.title}`} variant="secondary">
                        Copy
                      </CopyButton>
                    </div>
                    <pre className="whitespace-pre-wrap break-words rounded-md border border-border bg-bg p-3 font-mono text-[12.5px] leading-5">
                      {text}
                    </pre>
                  </TabsContent>
                )
              })}
            </Tabs>
          </PanelBody>
        </Panel>
        <div className="flex flex-col gap-4">
          <Panel>
            <PanelHeader title="Listening" />
            <PanelBody className="flex flex-col gap-2 text-[13px]">
              {health === undefined ? (
                <p className="text-muted">Asking the collector …</p>
              ) : listeners.length === 0 ? (
                <p className="text-muted">The collector has not reported. Run “bin/weir doctor” on the Weir host.</p>
              ) : (
                listeners.map((check) => (
                  <div key={check.name}>
                    <StateDot tone={check.state === 'ok' ? 'ok' : check.state === 'warn' ? 'warn' : 'critical'}>
                      <span className="font-medium">{check.name}</span>
                    </StateDot>
                    <p className="break-words pl-3.5 text-[12px] text-muted">{check.message}</p>
                  </div>
                ))
              )}
              <p className="border-border border-t pt-2 text-[12px] text-muted leading-relaxed">
                {health === undefined ? '' : `${Math.round(health.sli.datagramsPerSecond)} datagrams/s arriving. `}
                Still nothing after two minutes? A firewall between device and Weir, or a wrong source interface, are the usual causes;
                “bin/weir doctor” checks this host.
              </p>
            </PanelBody>
          </Panel>
          <Panel>
            <PanelHeader title="Or look around first" />
            <PanelBody className="flex flex-col gap-2 text-[13px]">
              <p className="text-muted leading-relaxed">
                Start Weir with demo traffic: five exporters that send real datagrams, with an hour of history. Marked as demo, and removed
                again with one command.
              </p>
              <div className="flex items-center justify-between rounded-md border border-border bg-bg py-1 pr-1 pl-3 font-mono text-[12.5px]">
                npm start -- --demo
                <CopyButton text="npm start -- --demo" label="Copy the command" />
              </div>
            </PanelBody>
          </Panel>
        </div>
      </div>
    </div>
  )
}
