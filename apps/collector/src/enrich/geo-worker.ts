import { parentPort, workerData } from 'node:worker_threads'
import { buildTables, type Files } from './geo-build.ts'
import { pack } from './geo-data.ts'

// Thread of `loadGeoData`: reads the data files it was given and hands the tables over without copying them.
const files: Files = workerData
const packed = pack(buildTables(files))
parentPort?.postMessage(
  packed,
  packed.arrays.map((array) => array.buffer),
)
