import { Problem, problemResponse } from '@/server/problem'

/** Whatever under /api is no route: the same form of answer as everywhere, never a page. */
function nothingHere(): Response {
  const problem = new Problem(404, 'not-found', 'There is no such route.', 'The routes are listed in /api/v1/openapi.json.')
  return problemResponse(problem, crypto.randomUUID())
}

export { nothingHere as DELETE, nothingHere as GET, nothingHere as PATCH, nothingHere as POST, nothingHere as PUT }
