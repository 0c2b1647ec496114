/** A short sound for a new anomaly, made by the browser itself; a person must have switched it on, because browsers play nothing before a tap. */
let context: AudioContext | null = null

export function allowSound(): void {
  context ??= new AudioContext()
  void context.resume()
}

/** Two tones up for a warning, three for something critical. */
export function ring(critical: boolean): void {
  if (context === null || context.state !== 'running') return
  const tones = critical ? [660, 880, 1320] : [660, 880]
  tones.forEach((frequency, index) => {
    if (context === null) return
    const at = context.currentTime + index * 0.18
    const tone = context.createOscillator()
    const volume = context.createGain()
    tone.frequency.value = frequency
    volume.gain.setValueAtTime(0.0001, at)
    volume.gain.exponentialRampToValueAtTime(0.25, at + 0.02)
    volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.16)
    tone.connect(volume).connect(context.destination)
    tone.start(at)
    tone.stop(at + 0.17)
  })
}
