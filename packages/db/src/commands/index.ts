export * from './token.ts'
export * from './users.ts'
export * from './welcome.ts'
