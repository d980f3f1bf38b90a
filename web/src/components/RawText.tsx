import type { ReactNode } from 'react';

interface ScrollRegionProps {
  label: string;
  className: string;
  children: ReactNode;
}

/** A part of a page that scrolls by itself. It takes the focus, so that arrow keys can scroll it. */
export function ScrollRegion({ label, className, children }: ScrollRegionProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a mouse (WCAG 2.1.1)
    <section className={className} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}

/** Text as it was received or will be sent. */
export function RawText({
  label,
  children,
  nowrap,
}: {
  label: string;
  children: ReactNode;
  nowrap?: boolean;
}) {
  return (
    <ScrollRegion label={label} className={nowrap ? 'pre nowrap' : 'pre'}>
      <pre>{children}</pre>
    </ScrollRegion>
  );
}
