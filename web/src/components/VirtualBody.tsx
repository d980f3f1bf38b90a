import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';

/** From this many rows on, only those near the window are in the document. */
const WHOLE_UP_TO = 100;

interface BodyProps<T> {
  list: readonly T[];
  columns: number;
  /** A first guess of a row's height in pixels; measured once it is shown. */
  estimate: number;
  children: (item: T, index: number, measure: (element: HTMLTableRowElement | null) => void) => ReactNode;
}

/** The body of a table that may be long: the same table for a reader, a window onto it for the browser. */
export function VirtualBody<T>(props: BodyProps<T>) {
  if (props.list.length <= WHOLE_UP_TO) {
    return <tbody>{props.list.map((item, index) => props.children(item, index, () => undefined))}</tbody>;
  }
  return <Windowed {...props} />;
}

function Windowed<T>({ list, columns, estimate, children }: BodyProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [scrollMargin, setScrollMargin] = useState(0);
  useLayoutEffect(() => {
    if (body.current) setScrollMargin(body.current.getBoundingClientRect().top + window.scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: list.length,
    estimateSize: () => estimate,
    overscan: 20,
    scrollMargin,
  });
  const items = virtualizer.getVirtualItems();
  const before = (items[0]?.start ?? scrollMargin) - scrollMargin;
  const after = virtualizer.getTotalSize() - ((items.at(-1)?.end ?? scrollMargin) - scrollMargin);
  return (
    <tbody ref={body}>
      {before > 0 && <Spacer height={before} columns={columns} />}
      {items.map((item) => {
        const row = list[item.index];
        return row === undefined ? null : children(row, item.index, virtualizer.measureElement);
      })}
      {after > 0 && <Spacer height={after} columns={columns} />}
    </tbody>
  );
}

function Spacer({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden>
      <td colSpan={columns} style={{ height, padding: 0, border: 0 }} />
    </tr>
  );
}
