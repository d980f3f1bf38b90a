import { type ReactNode, useEffect } from 'react';

interface PageProps {
  /** The one heading of the page. */
  title: string;
  /** What stands above it: where one came from. */
  crumb?: ReactNode;
  /** What stands beside the heading. */
  actions?: ReactNode;
  below?: ReactNode;
  children: ReactNode;
}

/** The frame of a page: its title, in the document as well, and what can be done on it. */
export function Page({ title, crumb, actions, below, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Watchkeeper`;
  }, [title]);
  return (
    <>
      <div className="page-head">
        <div className="grow">
          {crumb !== undefined && <div className="crumb">{crumb}</div>}
          <h1 className="wrap">{title}</h1>
          {below}
        </div>
        {actions !== undefined && <div className="row no-print">{actions}</div>}
      </div>
      {children}
    </>
  );
}

/** How the part of a page with this heading is found. */
export const partId = (title: string) => title.toLowerCase().replaceAll(' ', '-');

/** A part of a page with a heading of its own. */
export function Panel({
  title,
  side,
  children,
  bare = false,
  id,
}: {
  title: string;
  side?: ReactNode;
  children: ReactNode;
  /** Where the page can be scrolled to. */
  id?: string;
  /** The content brings its own padding. */
  bare?: boolean;
}) {
  return (
    <section className="panel" aria-label={title} id={id ?? partId(title)} tabIndex={-1}>
      <div className="panel-head">
        <h2>{title}</h2>
        {side}
      </div>
      {bare ? children : <div className="panel-body">{children}</div>}
    </section>
  );
}
