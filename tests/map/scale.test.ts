import { describe, expect, test } from 'vitest'
import { createScale, lineWidth, type Rgb, shades } from '../../apps/web/components/map/scale.ts'

/** CIELAB lightness of an sRGB colour, 0–100. */
function lightness(rgb: Rgb): number {
  const [r = 0, g = 0, b = 0] = rgb.map((channel) => {
    const value = channel / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  const y = 0.2126 * r + 0.7152 * g + 0.0722 * b
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y
}

describe('the shading scale', () => {
  test('steps are round numbers in ascending order, and the largest value is above the last', () => {
    const values = Array.from({ length: 60 }, (_, i) => 815e6 / (i + 1) ** 1.6)
    const scale = createScale(values)
    expect(scale.thresholds.length).toBeGreaterThanOrEqual(3)
    expect(scale.thresholds.length).toBeLessThanOrEqual(5)
    expect([...scale.thresholds].sort((a, b) => a - b)).toEqual(scale.thresholds)
    for (const step of scale.thresholds)
      expect(step / 10 ** Math.floor(Math.log10(step) + 1e-9)).toSatisfy((digit: number) => [1, 2, 3, 5].includes(Math.round(digit)))
    expect(scale.classOf(Math.max(...values))).toBe(scale.classes - 1)
  })

  test('more traffic never gets a lower class, and nothing gets none', () => {
    const values = [3, 10, 250, 8e3, 9e5, 4e6, 7e9]
    const scale = createScale(values)
    const classes = values.map((value) => scale.classOf(value))
    expect([...classes].sort((a, b) => a - b)).toEqual(classes)
    expect(scale.classOf(0)).toBe(-1)
    expect(scale.classOf(Number.NaN)).toBe(-1)
  })

  test('a value on a step belongs to the class the step opens', () => {
    const scale = createScale([1, 5, 20, 70, 300, 900])
    const [step = 0] = scale.thresholds
    expect(scale.classOf(step)).toBe(1)
    expect(scale.classOf(step * 0.999)).toBe(0)
  })

  test('without traffic there are no classes, with one value there is one', () => {
    expect(createScale([]).classes).toBe(0)
    expect(createScale([0, 0]).classes).toBe(0)
    expect(createScale([42, 42]).classes).toBe(1)
    expect(createScale([42]).classOf(42)).toBe(0)
  })

  test.each(['light', 'dark'] as const)('shades of the %s theme are told apart by lightness alone, in one direction', (theme) => {
    for (let classes = 2; classes <= 6; classes++) {
      const ramp = shades(classes, theme).map(lightness)
      expect(ramp).toHaveLength(classes)
      for (let i = 1; i < ramp.length; i++) {
        const step = (ramp[i] ?? 0) - (ramp[i - 1] ?? 0)
        expect(theme === 'light' ? -step : step).toBeGreaterThan(5)
      }
    }
  })

  test('line width follows the root of the value and stays between its ends', () => {
    expect(lineWidth(0, 100, 1, 7)).toBe(1)
    expect(lineWidth(100, 100, 1, 7)).toBe(7)
    expect(lineWidth(25, 100, 1, 7)).toBe(4)
    expect(lineWidth(500, 100, 1, 7)).toBe(7)
    expect(lineWidth(5, 0, 1, 7)).toBe(1)
  })
})
