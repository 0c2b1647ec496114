export { type ActiveAlert, type AlertMessage, type PastAlert, readSurroundings, recordAlerts, type Surroundings } from '../alerts/store.ts'
export { type DeliveryOutcome, type DueNotification, deliverDue, outboxState } from '../anomalies/outbox.ts'
export {
  activeSuppressions,
  anomaliesWithoutEvidence,
  type DetectedAnomaly,
  type DetectedChange,
  freezeEvidence,
  type OutgoingNotification,
  type StoredChange,
  storeChange,
  storeParent,
  trackedAnomalies,
} from '../anomalies/store.ts'
export { type ErrorKind, StorageError } from '../errors.ts'
export { type Engine, readEngine } from '../migrate.ts'
export { type BatchLimits, FlowBatch } from './batch.ts'
export { addressText } from './extra.ts'
export { COPY_COLUMNS, type ExportedAddress, type ExportedFlow, type FlowContext, TYPE_CODES } from './flow.ts'
export { type Frame, type FrameId, frameName, isWhole, rowTimeMs } from './frame.ts'
export { beginImport, finishImport, type ImportFile, importExporter, NO_SAMPLER, writeImportChunk } from './import.ts'
export { createImportedFlow, type ImportedFlow, readInterchange } from './interchange.ts'
export {
  type ExporterReport,
  type InterfaceReport,
  recordStatus,
  resolveExporters,
  seedAsNames,
  upsertExporters,
  upsertInterfaces,
} from './inventory.ts'
export {
  createWriter,
  type FlowWriter,
  type FramesResult,
  pruneLedger,
  QUARANTINE_REASONS,
  type QuarantineReason,
  type WriteResult,
  type WriterOptions,
} from './writer.ts'
