/**
 * Keep a Map below `limit`: at the limit the oldest sixty-fourth goes at once. One by one would cost a walk over everything
 * already deleted each time, since a Map keeps the places of deleted keys until it is rehashed. Returns how many went.
 */
export function makeRoom(map: Map<unknown, unknown> | Set<unknown>, limit: number): number {
  if (map.size < limit) return 0
  let left = Math.max(1, limit >> 6)
  const gone = left
  for (const key of map.keys()) {
    map.delete(key)
    if (--left === 0) break
  }
  return gone
}
