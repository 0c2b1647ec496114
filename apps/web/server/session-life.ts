/** A session ends after this long without a request. */
export const IDLE_SECONDS = 12 * 3600
/** A session ends this long after the sign-in, whatever happens in between. */
export const ABSOLUTE_SECONDS = 7 * 86_400
