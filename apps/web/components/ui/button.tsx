import { cva, type VariantProps } from 'class-variance-authority'
import { Slot } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

export const buttonStyle = cva(
  'inline-flex shrink-0 cursor-pointer select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md border font-medium outline-offset-1 transition-colors focus-visible:outline-2 focus-visible:outline-accent disabled:cursor-not-allowed disabled:opacity-50 aria-disabled:cursor-not-allowed aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'border-transparent bg-accent text-accent-foreground hover:bg-accent-hover',
        secondary: 'border-border bg-surface text-text hover:bg-raised',
        ghost: 'border-transparent bg-transparent text-muted hover:bg-raised hover:text-text',
        danger: 'border-critical/40 bg-surface text-critical hover:bg-critical/10',
        link: 'h-auto border-transparent bg-transparent px-0 text-accent underline-offset-2 hover:underline',
      },
      size: {
        // On a phone every one is a thumb wide; the small ones reach beyond what is drawn.
        sm: 'h-7 px-2 text-[12px] max-sm:h-11 max-sm:px-3 max-sm:text-[13px]',
        md: 'h-8 px-2.5 text-[13px] max-sm:h-11 max-sm:px-3',
        lg: 'h-9 px-3.5 text-[13px] max-sm:h-11',
        icon: 'size-8 p-0 max-sm:size-11',
        'icon-sm': "relative size-7 p-0 max-sm:after:absolute max-sm:after:-inset-2.5 max-sm:after:content-['']",
      },
    },
    compoundVariants: [{ variant: 'link', className: 'h-auto px-0 max-sm:h-auto max-sm:min-h-11 max-sm:px-0' }],
    defaultVariants: { variant: 'secondary', size: 'md' },
  },
)

export type ButtonProps = ComponentProps<'button'> & VariantProps<typeof buttonStyle> & { asChild?: boolean }

/** A button; `asChild` lends the look to the one child (a link). An icon-only button needs `aria-label`. */
export function Button({ className, variant, size, asChild = false, type, ...props }: ButtonProps) {
  const Component = asChild ? Slot.Root : 'button'
  return <Component {...(asChild ? {} : { type: type ?? 'button' })} className={cn(buttonStyle({ variant, size }), className)} {...props} />
}
