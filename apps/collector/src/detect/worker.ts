import { parentPort, workerData } from 'node:worker_threads'
import { DetectRole, type FromRole, type RoleSettings, type ToRole } from './role.ts'

// The thread in which the role `detect` runs: receiving never waits for it.

const port = parentPort
if (port === null) throw new Error('this file is the body of a thread')
const settings: RoleSettings = workerData
const role = new DetectRole(settings, (message: FromRole, transfer?: ArrayBuffer[]) => {
  port.postMessage(message, transfer ?? [])
  if (message.kind === 'stopped') port.close()
})
port.on('message', (message: ToRole) => role.receive(message))
role.start()
