/// <reference path="./d3-geo-projection.d.ts" />
/**
 * Builds the base maps under public/map from world-atlas (Natural Earth 1:50m, public domain): `node apps/web/scripts/build-map.ts`.
 *
 * The result is checked in, because it never changes without a new edition of world-atlas and the product has to work
 * on a closed network; a test builds it again and compares. Same input, same bytes.
 *
 * Steps: simplify the shared borders once (so that neighbours keep the same line), drop islets, project to Equal Earth
 * around two centres (cut at the far side once, here, because raw shapes that cross 180° draw streaks), round.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { geoArea, geoCentroid, geoContains, geoEqualEarth } from 'd3-geo'
import { geoProject } from 'd3-geo-projection'
import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from 'geojson'
import { feature } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import type { World, WorldCountry } from '../components/map/world.ts'
import { ALPHA2, PLACES, UNNUMBERED } from './country-codes.ts'

type Land = Feature<Polygon | MultiPolygon, { name: string }>

/** Degrees. 0.09° is a third of a pixel on a 1440 px screen at first sight, and still clean eight times closer. */
const TOLERANCE = 0.09
/** Steradians; an islet below this (about 500 km²) is dropped unless it is the largest piece its country has. */
const ISLET = 1.2e-5
const WIDTH = 1000
const SOUTH = -57
const ORIGIN = 'Natural Earth 1:50m (public domain) by world-atlas'

/** Douglas–Peucker on a line of [longitude, latitude]; longitudes shrink with latitude. Keeps both ends. */
export function simplify(line: Position[], tolerance: number): Position[] {
  const keep = new Uint8Array(line.length)
  keep[0] = 1
  keep[line.length - 1] = 1
  const stack: [number, number][] = [[0, line.length - 1]]
  for (let span = stack.pop(); span; span = stack.pop()) {
    const [first, last] = span
    const [ax = 0, ay = 0] = line[first] ?? []
    const [bx = 0, by = 0] = line[last] ?? []
    const shrink = Math.cos((((ay + by) / 2) * Math.PI) / 180)
    const dx = (bx - ax) * shrink
    const dy = by - ay
    const length = Math.hypot(dx, dy)
    let worst = tolerance
    let at = -1
    for (let i = first + 1; i < last; i++) {
      const [x = 0, y = 0] = line[i] ?? []
      const px = (x - ax) * shrink
      const py = y - ay
      const distance = length === 0 ? Math.hypot(px, py) : Math.abs(px * dy - py * dx) / length
      if (distance > worst) {
        worst = distance
        at = i
      }
    }
    if (at < 0) continue
    keep[at] = 1
    stack.push([first, at], [at, last])
  }
  return line.filter((_, i) => keep[i] === 1)
}

/** The topology with absolute, simplified arcs. A closed arc (an island) never loses its shape: its tolerance follows its size. */
function simplified(topology: Topology): Topology {
  const { scale, translate } = topology.transform ?? { scale: [1, 1], translate: [0, 0] }
  const arcs = topology.arcs.map((arc) => {
    let x = 0
    let y = 0
    const line = arc.map(([dx = 0, dy = 0]) => {
      x += dx
      y += dy
      return [x * scale[0] + translate[0], y * scale[1] + translate[1]]
    })
    const span = Math.max(...[0, 1].map((axis) => Math.max(...line.map((p) => p[axis] ?? 0)) - Math.min(...line.map((p) => p[axis] ?? 0))))
    return simplify(line, Math.min(TOLERANCE, span / 12))
  })
  const { transform: _, ...rest } = topology
  return { ...rest, arcs }
}

const pieces = (land: Land): Position[][][] => (land.geometry.type === 'Polygon' ? [land.geometry.coordinates] : land.geometry.coordinates)
const pieceArea = (coordinates: Position[][]) => geoArea({ type: 'Polygon', coordinates })

/** Without islets, and the holes that simplifying closed. */
function withoutIslets(land: Land): Land {
  const all = pieces(land)
    .map((rings) => rings.filter((ring) => ring.length >= 4))
    .filter((rings) => rings.length > 0)
  const largest = Math.max(...all.map(pieceArea))
  const kept = all.filter((rings) => pieceArea(rings) >= Math.min(ISLET, largest))
  return { ...land, geometry: { type: 'MultiPolygon', coordinates: kept } }
}

/** The middle of the largest piece, moved by PLACES where that misleads; [longitude, latitude]. */
export function middle(code: string, land: Land): [number, number] {
  const place = PLACES[code]
  if (place) return [place[0], place[1]]
  const coordinates = pieces(land).reduce((a, b) => (pieceArea(b) > pieceArea(a) ? b : a))
  const polygon: Polygon = { type: 'Polygon', coordinates }
  const centroid = geoCentroid(polygon)
  if (geoContains(polygon, centroid)) return centroid
  // A crescent: walk along the parallel of the centroid to the inside, nearest first.
  for (let step = 0.1; step < 20; step += 0.1) {
    for (const side of [step, -step]) {
      const point: [number, number] = [centroid[0] + side, centroid[1]]
      if (geoContains(polygon, point)) return point
    }
  }
  return centroid
}

const round = (value: number) => Math.round(value * 50) / 50
const flat = ([x = 0, y = 0]: Position): [number, number] => [round(x), round(y)]

/** Rounded, without points that rounding made equal. */
function tidy(ring: Position[]): Position[] {
  const result: Position[] = []
  for (const point of ring.map(flat)) {
    const last = result.at(-1)
    if (!last || last[0] !== point[0] || last[1] !== point[1]) result.push(point)
  }
  return result
}

function planarArea(ring: Position[]): number {
  let sum = 0
  for (let i = 0; i < ring.length; i++) {
    const [ax = 0, ay = 0] = ring[i] ?? []
    const [bx = 0, by = 0] = ring[(i + 1) % ring.length] ?? []
    sum += ax * by - bx * ay
  }
  return Math.abs(sum / 2)
}

/** One base map around `centre` degrees east. */
export function buildWorld(topology: Topology, centre: number): World {
  const projection = geoEqualEarth().rotate([-centre, 0]).precision(0.2).fitWidth(WIDTH, { type: 'Sphere' })
  const project = (at: [number, number]): [number, number] => flat(projection(at) ?? [0, 0])
  const collection = feature(simplified(topology), topology.objects.countries as GeometryCollection<{ name: string }>) as FeatureCollection<
    Polygon | MultiPolygon,
    { name: string }
  >
  const countries: WorldCountry[] = []
  for (const raw of collection.features) {
    const code = raw.id === undefined ? (UNNUMBERED[raw.properties.name] ?? '') : (ALPHA2.get(String(raw.id)) ?? '')
    if (code === 'AQ') continue
    const land = withoutIslets(raw)
    const geometry = geoProject({ type: 'FeatureCollection', features: [land] }, projection).features[0]?.geometry
    if (geometry?.type !== 'Polygon' && geometry?.type !== 'MultiPolygon') continue
    const polygons = (geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates)
      .map((rings) => rings.map(tidy).filter((ring) => ring.length >= 4))
      .filter((rings) => rings.length > 0)
    if (polygons.length === 0) continue
    const area = polygons.reduce((sum, rings) => sum + planarArea(rings[0] ?? []), 0)
    countries.push({
      code,
      name: raw.properties.name,
      at: project(middle(code, land)),
      size: Math.round(Math.sqrt(area) * 10) / 10,
      polygons,
    })
  }
  countries.sort((a, b) => (a.code === b.code ? b.size - a.size : a.code < b.code ? -1 : 1))

  const drawn = new Set(countries.map((country) => country.code))
  const places = Object.entries(PLACES)
    .filter(([code]) => !drawn.has(code) && code !== 'AQ')
    .map(([code, at]) => ({ code, at: project([at[0], at[1]]) }))
    .sort((a, b) => (a.code < b.code ? -1 : 1))

  // The edge is 180° away from the centre; a hair inside it, so that the projection does not wrap to the other side.
  const west = centre - 179.999
  const east = centre + 179.999
  const latitudes = (from: number, to: number, step: number) =>
    Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step)
  const sphere = [
    ...latitudes(SOUTH, 90, 3).map((latitude) => project([west, latitude])),
    ...latitudes(SOUTH, 90, 3)
      .map((latitude) => project([east, latitude]))
      .reverse(),
  ]
  const graticule: Position[][] = []
  for (let longitude = -180; longitude < 180; longitude += 30) {
    if (Math.abs(((longitude - centre + 540) % 360) - 180) < 179.9)
      graticule.push(latitudes(SOUTH, 87, 3).map((latitude) => project([longitude, latitude])))
  }
  for (const latitude of [-30, 0, 30, 60]) {
    graticule.push(Array.from({ length: 61 }, (_, i) => project([west + ((east - west) * i) / 60, latitude])))
  }
  const height = Math.max(...sphere.map(([, y]) => y ?? 0)) - Math.min(...sphere.map(([, y]) => y ?? 0))
  return { origin: ORIGIN, centre, width: WIDTH, height: round(height), sphere, graticule, countries, places }
}

/** The files this writes: name → text. */
export function buildAll(): Record<string, string> {
  const require = createRequire(import.meta.url)
  const topology = JSON.parse(readFileSync(require.resolve('world-atlas/countries-50m.json'), 'utf8')) as Topology
  return {
    'world-atlantic.json': `${JSON.stringify(buildWorld(topology, 11))}\n`,
    'world-pacific.json': `${JSON.stringify(buildWorld(topology, 150))}\n`,
  }
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(buildAll())) {
    const file = new URL(`../public/map/${name}`, import.meta.url)
    writeFileSync(file, text)
    process.stdout.write(`public/map/${name}: ${Math.round(text.length / 1024)} kB\n`)
  }
}
