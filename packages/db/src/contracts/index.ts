export * from './api.ts'
export * from './query-error.ts'
export * from './questions.ts'
