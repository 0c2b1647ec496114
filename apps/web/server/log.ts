import { type Logger, pino } from 'pino'

/** JSON lines on standard output. Fields that can carry a secret are cut before they are written. */
export const log: Logger = pino({
  base: { component: 'web' },
  level: process.env.WEIR_LOG_LEVEL || 'info',
  redact: {
    paths: ['password', 'token', 'cookie', 'authorization', '*.password', '*.token', '*.cookie', '*.authorization'],
    censor: '[cut]',
  },
})
