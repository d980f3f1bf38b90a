/** How a screen looks before there is something to see, when there is nothing, and when it went wrong. */
import { Button, Loader } from '@mantine/core';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';

export function Loading({ what }: { what: string }) {
  return (
    <div className="state" role="status">
      <div className="row" style={{ justifyContent: 'center' }}>
        <Loader size="xs" />
        <span className="dim">Loading {what}…</span>
      </div>
    </div>
  );
}

/** Nothing to see, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="state">
      <p className="strong">{title}</p>
      {children !== undefined && <div className="dim">{children}</div>}
    </div>
  );
}

/** What to do about a failure, by its kind. */
export function remedy(fault: Error): string {
  if (!(fault instanceof ApiError))
    return 'Reload the page. If it happens again, tell your administrator what you did.';
  switch (fault.status) {
    case 0:
      return 'Check the connection; this page tries again by itself.';
    case 403:
      return 'Your roles do not include this. An administrator can change them under Settings.';
    case 404:
      return 'It may have been removed, or the address is mistyped. Go back to the list.';
    case 409:
      return fault.isConflict
        ? 'Somebody else changed it. Look at the current state and decide again.'
        : 'Do first what is named above.';
    default:
      return fault.status >= 500
        ? 'The server’s log says more. Try again in a moment.'
        : 'Change what is named above and try again.';
  }
}

export function Failed({ what, fault, retry }: { what: string; fault: Error; retry?: () => void }) {
  return (
    <div className="state" role="alert">
      <p className="strong">{what} could not be loaded</p>
      <p>{fault.message}</p>
      <p className="dim">{remedy(fault)}</p>
      {retry !== undefined && (
        <Button mt={12} onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

interface QueryLike<T> {
  data: T | undefined;
  error: Error | null;
  refetch: () => unknown;
}

/** Shows a query in whatever state it is. What was loaded once stays on screen while the server cannot be reached. */
export function Loaded<T>({
  query,
  what,
  children,
}: {
  query: QueryLike<T>;
  what: string;
  children: (data: T) => ReactNode;
}) {
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.error !== null) {
    const name = what.charAt(0).toUpperCase() + what.slice(1);
    return <Failed what={name} fault={query.error} retry={() => void query.refetch()} />;
  }
  return <Loading what={what} />;
}

/** What went wrong with something that a person did; beside the button they pressed. */
export function Refused({ fault, shown = [] }: { fault: Error | null; shown?: readonly string[] }) {
  if (fault === null) return null;
  const others = fault instanceof ApiError ? fault.otherFaults(shown) : [];
  const conflict = fault instanceof ApiError && fault.isConflict;
  return (
    <div className="notice-bar alarm" role="alert">
      {conflict && <p className="strong">Changed by somebody else: here is the current state</p>}
      <p>{fault.message}</p>
      {others.map((text) => (
        <p key={text}>{text}</p>
      ))}
      {fault instanceof ApiError && fault.faults.length === 0 && <p className="dim small">{remedy(fault)}</p>}
    </div>
  );
}

/** Loads the next page of a list. */
export function More({
  query,
}: {
  query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => unknown };
}) {
  if (!query.hasNextPage) return null;
  return (
    <div className="row no-print" style={{ justifyContent: 'center', padding: 8 }}>
      <Button loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        Show more
      </Button>
    </div>
  );
}
