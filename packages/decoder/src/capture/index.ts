export { type DatagramHandler, DatagramFinder } from './datagrams.ts'
export { CaptureReader, type CapturedFrame, isCapture } from './file.ts'
