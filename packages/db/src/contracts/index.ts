export * from './api.ts'
export * from './permissions.ts'
export * from './query-error.ts'
export * from './questions.ts'
