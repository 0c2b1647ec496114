import { writeSync } from 'node:fs'
import { buildTables, type Files } from './geo-build.ts'
import { cacheFile, pack } from './geo-data.ts'
import { GeoDataError } from './mmdb-ranges.ts'

// Process of `loadGeoData`: reads the data files named in its argument and writes the cache file of that key to standard output.
const { files, key }: { files: Files; key: string } = JSON.parse(process.argv[2] ?? '')
try {
  const file = cacheFile(pack(buildTables(files)), key)
  for (let at = 0; at < file.length; ) at += writeSync(1, file, at)
} catch (error) {
  if (!(error instanceof GeoDataError)) throw error
  process.stderr.write(error.message)
  process.exitCode = 2
}
