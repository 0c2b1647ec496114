export * from './auth.ts'
export * from './relational.ts'
