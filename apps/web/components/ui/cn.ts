import { type ClassValue, clsx } from 'clsx'
import { twMerge } from 'tailwind-merge'

/** Join class names; of two that set the same property the later one wins. */
export const cn = (...values: ClassValue[]): string => twMerge(clsx(values))
