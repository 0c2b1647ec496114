export { DatagramFinder, type DatagramHandler } from './datagrams.ts'
export { type CapturedFrame, CaptureReader, isCapture } from './file.ts'
