'use client'
import { LinearInterpolator, OrthographicView, type PickingInfo } from '@deck.gl/core'
import { ArcLayer, GeoJsonLayer, PathLayer, PolygonLayer, ScatterplotLayer } from '@deck.gl/layers'
import DeckGL from '@deck.gl/react'
import type { Feature, MultiPolygon } from 'geojson'
import { Minus, Plus, Scan } from 'lucide-react'
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import { Button } from '../ui/button.tsx'
import { type Camera, clamp, fitCamera, MAX_ZOOM, type Size, toScreen, uncrowded } from './camera.ts'
import { type DrawnArc, INTERNAL } from './geo-model.ts'
import type { Palette } from './palette.ts'
import type { Rgb } from './scale.ts'
import { dotsOf, type World } from './world.ts'

/** What the pointer is on, or a row of the list is: a country code, or a pair's id. */
export type Target = { kind: 'country' | 'arc'; id: string }
export interface Pointed extends Target {
  /** px from the top left corner of the map. */
  x: number
  y: number
}

type Shape = Feature<MultiPolygon, { code: string }>

const VIEW = new OrthographicView({ id: 'world', flipY: true })
const SLOW_CLICK = { click: { time: 1500, threshold: 6 } }
const smooth = new LinearInterpolator(['target', 'zoom'])
/** Half the height of an arc over its length. Flat enough to read as a line, bent enough to tell two directions apart. */
const BEND = 0.42

/**
 * The map itself: shaded countries, dots for the small ones, arcs for the pairs. Draws what it is given and reports what is pointed
 * at and clicked; the list beside it holds the same for those who do not use a pointer.
 */
export default function WorldMap({
  world,
  fills,
  arcs,
  home,
  homeLabel,
  labels,
  palette,
  highlight,
  still,
  gestures,
  onPoint,
  onPick,
  label,
}: {
  world: World
  /** Country code → shade. */
  fills: ReadonlyMap<string, Rgb>
  arcs: readonly DrawnArc[]
  /** Where the own network stands, in map units. */
  home: [number, number] | null
  homeLabel: ReactNode
  /** Names to write on the map, the most important first. */
  labels: readonly { code: string; at: [number, number]; name: string; value: string }[]
  palette: Palette
  highlight: Target | null
  /** No animated movement. */
  still: boolean
  /** False where one finger has to scroll the page instead of the map. */
  gestures: boolean
  onPoint: (pointed: Pointed | null) => void
  onPick: (pointed: Pointed) => void
  label: string
}) {
  const frame = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState<Size | null>(null)
  const [moved, setMoved] = useState<Camera | null>(null)
  const [glide, setGlide] = useState(false)

  useEffect(() => {
    const element = frame.current
    if (!element) return
    const observer = new ResizeObserver(([entry]) => {
      const box = entry?.contentRect
      if (box && box.width > 0 && box.height > 0) setSize({ width: box.width, height: box.height })
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  // The own network's place, when it is not a country, lies below the seas: the picture must have room for it.
  const extent = useMemo(() => ({ width: world.width, height: Math.max(world.height, (home?.[1] ?? 0) + 26) }), [world, home])
  const camera = size === null ? null : moved === null ? fitCamera(extent, size) : clamp(moved, extent, size)

  const shapes = useMemo<Shape[]>(
    () =>
      world.countries.map((country) => ({
        type: 'Feature',
        properties: { code: country.code },
        geometry: { type: 'MultiPolygon', coordinates: country.polygons },
      })),
    [world],
  )
  const dots = useMemo(() => dotsOf(world), [world])
  const drawnDots = useMemo(() => dots.filter((dot) => fills.has(dot.code)), [dots, fills])
  const outlined = useMemo(
    () => (highlight?.kind === 'country' ? shapes.filter((shape) => shape.properties.code === highlight.id && highlight.id !== '') : []),
    [shapes, highlight],
  )

  const layers = useMemo(() => {
    const lit = (arc: DrawnArc) =>
      highlight === null || (highlight.kind === 'arc' ? arc.id === highlight.id : arc.src === highlight.id || arc.dst === highlight.id)
    const hue = (arc: DrawnArc) => (arc.dst === INTERNAL ? palette.in : arc.src === INTERNAL ? palette.out : palette.transit)
    // Towards its destination a line gets solid: the direction can be read without an arrow head.
    const tail = (arc: DrawnArc): [number, number, number, number] => [...hue(arc), lit(arc) ? (highlight ? 110 : 40) : 10]
    const head = (arc: DrawnArc): [number, number, number, number] => [
      ...hue(arc),
      lit(arc) ? (highlight ? 255 : 130 + arc.width * 12) : 22,
    ]
    const id = highlight === null ? '' : `${highlight.kind}:${highlight.id}`
    return [
      new PolygonLayer({ id: 'sea', data: [world.sphere], getPolygon: (ring) => ring, getFillColor: [...palette.sea], stroked: false }),
      new PathLayer({
        id: 'graticule',
        data: world.graticule,
        getPath: (line) => line as [number, number][],
        getColor: [...palette.graticule],
        widthUnits: 'pixels',
        getWidth: 0.75,
      }),
      new GeoJsonLayer<Shape['properties']>({
        id: 'countries',
        data: shapes,
        pickable: true,
        stroked: true,
        filled: true,
        getFillColor: (shape) => [...(fills.get(shape.properties.code) ?? palette.land)],
        getLineColor: [...palette.border],
        lineWidthUnits: 'pixels',
        getLineWidth: 0.6,
        updateTriggers: { getFillColor: [fills, palette], getLineColor: palette },
      }),
      new GeoJsonLayer<Shape['properties']>({
        id: 'outline',
        data: outlined,
        filled: false,
        stroked: true,
        getLineColor: [...palette.outline],
        lineWidthUnits: 'pixels',
        getLineWidth: 1.5,
        updateTriggers: { getLineColor: palette },
      }),
      new ScatterplotLayer<{ code: string; at: [number, number] }>({
        id: 'dots',
        data: drawnDots,
        pickable: true,
        getPosition: (dot) => dot.at,
        radiusUnits: 'pixels',
        getRadius: (dot) => (highlight?.kind === 'country' && highlight.id === dot.code ? 5 : 3.5),
        getFillColor: (dot) => [...(fills.get(dot.code) ?? palette.land)],
        stroked: true,
        lineWidthUnits: 'pixels',
        getLineWidth: 1,
        getLineColor: (dot) => (highlight?.kind === 'country' && highlight.id === dot.code ? [...palette.outline] : [...palette.border]),
        updateTriggers: { getFillColor: [fills, palette], getRadius: id, getLineColor: [id, palette] },
      }),
      new ArcLayer<DrawnArc>({
        id: 'arcs',
        data: arcs,
        pickable: true,
        getSourcePosition: (arc) => arc.from,
        getTargetPosition: (arc) => arc.to,
        getSourceColor: tail,
        getTargetColor: head,
        widthUnits: 'pixels',
        getWidth: (arc) => arc.width,
        widthMinPixels: 1,
        // Lying in the plane: the view looks straight down, a standing arc would be a straight line.
        getTilt: (arc) => (arc.to[0] >= arc.from[0] ? -90 : 90),
        // Of two opposite arcs the one into the own network runs flatter, so that they do not cover each other.
        getHeight: (arc) => (arc.dst === INTERNAL || (arc.src !== INTERNAL && arc.src > arc.dst) ? BEND * 0.5 : BEND),
        numSegments: 48,
        updateTriggers: { getSourceColor: [id, palette], getTargetColor: [id, palette] },
      }),
    ]
  }, [world, shapes, outlined, drawnDots, fills, arcs, palette, highlight])

  const pointed = (info: PickingInfo): Pointed | null => {
    const object: unknown = info.object
    if (typeof object !== 'object' || object === null) return null
    if (info.layer?.id === 'arcs' && 'id' in object) return { kind: 'arc', id: String(object.id), x: info.x, y: info.y }
    const from = 'properties' in object ? object.properties : object
    if (typeof from !== 'object' || from === null || !('code' in from) || from.code === '') return null
    return { kind: 'country', id: String(from.code), x: info.x, y: info.y }
  }

  const zoomBy = (step: number) => {
    if (camera === null || size === null) return
    setGlide(!still)
    setMoved(clamp({ target: camera.target, zoom: camera.zoom + step }, extent, size))
  }

  const written = useMemo(() => {
    if (camera === null || size === null || size.width < 560) return []
    const boxes = labels.map((item) => {
      const [x, y] = toScreen(item.at, camera, size)
      return { ...item, x, y, width: Math.max(item.name.length, item.value.length) * 6.2 + 14, height: 38 }
    })
    return uncrowded(boxes).filter((box) => box.x > 0 && box.y > 0 && box.x < size.width && box.y < size.height)
  }, [labels, camera, size])

  const dock = home !== null && camera !== null && size !== null ? toScreen(home, camera, size) : null
  return (
    <section ref={frame} aria-label={label} className="relative h-full min-h-0 w-full overflow-hidden" onPointerLeave={() => onPoint(null)}>
      {camera === null || size === null ? null : (
        <DeckGL
          views={VIEW}
          viewState={{
            target: camera.target,
            zoom: camera.zoom,
            minZoom: fitCamera(extent, size).zoom,
            maxZoom: MAX_ZOOM,
            ...(glide ? { transitionDuration: 260, transitionInterpolator: smooth } : {}),
          }}
          onViewStateChange={({ viewState, interactionState }) => {
            if (!interactionState.inTransition) setGlide(false)
            const { target, zoom } = viewState as { target: number[]; zoom: number }
            setMoved(clamp({ target: [target[0] ?? 0, target[1] ?? 0], zoom }, extent, size))
          }}
          controller={{
            keyboard: false,
            dragRotate: false,
            dragPan: gestures,
            scrollZoom: gestures ? { speed: 0.008 } : false,
            touchZoom: true,
          }}
          touchAction={gestures ? 'none' : 'pan-y'}
          layers={layers}
          pickingRadius={5}
          // Where the picture is drawn without a graphics card, finding what is under the pointer takes longer than a quick tap may.
          eventRecognizerOptions={SLOW_CLICK}
          getCursor={({ isDragging, isHovering }) => (isDragging ? 'grabbing' : isHovering ? 'pointer' : 'default')}
          onHover={(info) => onPoint(pointed(info))}
          onClick={(info) => {
            const at = pointed(info)
            if (at) onPick(at)
          }}
        />
      )}
      {written.map((item) => (
        <div
          key={item.code}
          aria-hidden
          className="pointer-events-none absolute -translate-x-1/2 -translate-y-[calc(100%+6px)] whitespace-nowrap rounded bg-surface/85 px-1 text-center text-[11px] leading-[15px]"
          style={{ left: item.x, top: item.y }}
        >
          <div className="font-medium text-text">{item.name}</div>
          <div className="text-muted">{item.value}</div>
        </div>
      ))}
      {dock === null || size === null || dock[0] < -80 || dock[0] > size.width + 80 || dock[1] > size.height + 10 ? null : (
        <div className="-translate-x-1/2 -translate-y-1/2 absolute" style={{ left: dock[0], top: dock[1] }}>
          {homeLabel}
        </div>
      )}
      <div className="absolute top-2 right-2 flex flex-col sm:top-3 sm:right-3 max-sm:[&_button]:size-7 overflow-hidden rounded-md border border-border bg-surface">
        <Button variant="ghost" size="icon" className="rounded-none" aria-label="Zoom in" title="Zoom in" onClick={() => zoomBy(0.8)}>
          <Plus />
        </Button>
        <Button
          variant="ghost"
          size="icon"
          className="rounded-none border-border border-y"
          aria-label="Zoom out"
          title="Zoom out"
          onClick={() => zoomBy(-0.8)}
        >
          <Minus />
        </Button>
        <Button
          variant="ghost"
          size="icon"
          className="rounded-none"
          aria-label="Show the whole world"
          title="Show the whole world"
          onClick={() => {
            setGlide(false)
            setMoved(null)
          }}
        >
          <Scan />
        </Button>
      </div>
    </section>
  )
}
