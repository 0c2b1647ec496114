declare module 'd3-geo-projection' {
  import type { GeoStreamWrapper } from 'd3-geo'
  import type { FeatureCollection, Geometry } from 'geojson'
  /** Projects spherical GeoJSON to planar GeoJSON, cutting at the antimeridian. */
  export function geoProject<P>(object: FeatureCollection<Geometry, P>, projection: GeoStreamWrapper): FeatureCollection<Geometry | null, P>
}
