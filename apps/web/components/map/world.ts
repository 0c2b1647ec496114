import type { Position } from 'geojson'

/**
 * The base map as `scripts/build-map.ts` writes it: planar, x to the right and y downwards, `width` units wide,
 * the Equal Earth projection (so that a shaded area means its size), cut once opposite to its centre.
 */
export interface World {
  /** Where the shapes come from, for people. */
  origin: string
  /** Longitude of the middle of the picture, degrees east. */
  centre: number
  width: number
  height: number
  /** Outline of the seas shown, one ring. */
  sphere: Position[]
  /** Meridians and parallels, every 30 degrees. */
  graticule: Position[][]
  countries: WorldCountry[]
  /** Places without a shape of their own. */
  places: { code: string; at: [number, number] }[]
}

export interface WorldCountry {
  /** ISO 3166-1 alpha-2; '' for land that carries no code. */
  code: string
  /** Short English name; Intl knows better ones. */
  name: string
  /** Where arcs start and end. */
  at: [number, number]
  /** Square root of the projected area: how large it looks, in units. */
  size: number
  /** Polygons, each outer ring first, then holes. */
  polygons: Position[][][]
}

/** Countries that look smaller than this many units get a dot, so that Singapore or Malta can be seen and clicked. */
export const SMALL = 6

/** Country code → the point its arcs end at. Codes without a place ('ZZ', 'internal', unknown ones) are absent. */
export function placesOf(world: World): Map<string, [number, number]> {
  const places = new Map<string, [number, number]>()
  // Several shapes may share a code (Cyprus, Somalia, Australia's reefs): the largest one says where it is.
  const size = new Map<string, number>()
  for (const country of world.countries) {
    if (country.code === '' || (size.get(country.code) ?? -1) >= country.size) continue
    size.set(country.code, country.size)
    places.set(country.code, country.at)
  }
  for (const place of world.places) if (!places.has(place.code)) places.set(place.code, place.at)
  return places
}

/** Codes drawn as a dot: those without a shape, or with one too small to hit. */
export function dotsOf(world: World): { code: string; at: [number, number] }[] {
  const largest = new Map<string, WorldCountry>()
  for (const country of world.countries) {
    if (country.code !== '' && (largest.get(country.code)?.size ?? -1) < country.size) largest.set(country.code, country)
  }
  const dots = [...largest.values()].filter((country) => country.size < SMALL).map(({ code, at }) => ({ code, at }))
  return [...dots, ...world.places.filter((place) => !largest.has(place.code))]
}
