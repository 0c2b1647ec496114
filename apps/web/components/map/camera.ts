/** Where the picture looks: `target` in map units is the middle of the screen, one unit is 2^zoom px. */
export interface Camera {
  target: [number, number]
  zoom: number
}

export interface Size {
  width: number
  height: number
}

/** How far in one can go: at 6.2 a medium country fills the screen and the shapes still look clean. */
export const MAX_ZOOM = 4.2

/** The camera that shows the whole of `world` in `screen`, with `pad` px around it. */
export function fitCamera(world: Size, screen: Size, pad = 12): Camera {
  const scale = Math.min((screen.width - 2 * pad) / world.width, (screen.height - 2 * pad) / world.height)
  return { target: [world.width / 2, world.height / 2], zoom: Math.log2(Math.max(0.05, scale)) }
}

/** Keeps zoom between the whole world and MAX_ZOOM, and the middle of the screen on the map. */
export function clamp(camera: Camera, world: Size, screen: Size): Camera {
  const whole = fitCamera(world, screen).zoom
  const zoom = Math.min(Math.max(MAX_ZOOM, whole), Math.max(whole, camera.zoom))
  const half = 2 ** -zoom / 2
  const axis = (value: number, extent: number, pixels: number) => {
    const reach = pixels * half
    // While the map is narrower than the screen it stays centred.
    return reach * 2 >= extent ? extent / 2 : Math.min(extent - reach, Math.max(reach, value))
  }
  return { target: [axis(camera.target[0], world.width, screen.width), axis(camera.target[1], world.height, screen.height)], zoom }
}

/** Map units → screen px, from the top left corner. */
export function toScreen(at: readonly [number, number], camera: Camera, screen: Size): [number, number] {
  const scale = 2 ** camera.zoom
  return [(at[0] - camera.target[0]) * scale + screen.width / 2, (at[1] - camera.target[1]) * scale + screen.height / 2]
}

/** Of boxes in order of importance, those that overlap no more important one. Boxes are centred on x, y. */
export function uncrowded<T extends { x: number; y: number; width: number; height: number }>(boxes: readonly T[]): T[] {
  const kept: T[] = []
  for (const box of boxes) {
    const free = kept.every(
      (other) => Math.abs(other.x - box.x) * 2 >= other.width + box.width || Math.abs(other.y - box.y) * 2 >= other.height + box.height,
    )
    if (free) kept.push(box)
  }
  return kept
}
