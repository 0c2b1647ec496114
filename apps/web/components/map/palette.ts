import type { Rgb } from './scale.ts'

/** Colours deck.gl needs as numbers; the same as the tokens of globals.css where a token exists. */
export interface Palette {
  sea: Rgb
  graticule: Rgb
  /** Land without traffic, and the line between countries. */
  land: Rgb
  border: Rgb
  outline: Rgb
  /** Arcs: into the own network, out of it, and neither. */
  in: Rgb
  out: Rgb
  transit: Rgb
}

export const PALETTES: { light: Palette; dark: Palette } = {
  light: {
    sea: [246, 249, 250],
    graticule: [231, 238, 241],
    land: [228, 234, 237],
    border: [255, 255, 255],
    outline: [16, 33, 43],
    in: [95, 61, 196],
    out: [217, 72, 15],
    transit: [82, 101, 111],
  },
  dark: {
    sea: [13, 23, 28],
    graticule: [22, 36, 43],
    land: [28, 43, 50],
    border: [13, 23, 28],
    outline: [230, 238, 241],
    in: [167, 139, 250],
    out: [255, 146, 43],
    transit: [147, 167, 177],
  },
}

export const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`
