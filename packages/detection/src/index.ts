export { Detection, type DetectionState } from './detection.ts'
export type { Config } from './detector.ts'
export { Engine, type EngineState, type Telemetry } from './engine.ts'
export type { FlowEvent } from './event.ts'
export { DETECTORS, type DetectorId, type Finding, type Part, type Severity, type Trust } from './finding.ts'
export {
  ACTIONS,
  type Anomaly,
  type AnomalyAction,
  type AnomalyState,
  allowedActions,
  type Change,
  type ChangeKind,
  STATES,
  type Suppression,
  Tracker,
  type TrackerState,
  trackerStateOf,
  transition,
} from './lifecycle.ts'
export { Networks } from './networks.ts'
