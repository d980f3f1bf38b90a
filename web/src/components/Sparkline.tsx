/** Events per minute over the last hour, with the highest minute written beside it. */
export function Sparkline({ rate, label }: { rate: readonly number[]; label: string }) {
  const width = 160;
  const height = 28;
  const highest = Math.max(1, ...rate);
  const step = rate.length > 1 ? width / (rate.length - 1) : width;
  const points = rate.map(
    (value, index) =>
      `${(index * step).toFixed(1)},${(height - 2 - (value / highest) * (height - 4)).toFixed(1)}`,
  );
  const peak = rate.length === 0 ? 0 : Math.max(...rate);
  const latest = rate.at(-1) ?? 0;
  return (
    <span className="row" style={{ flexWrap: 'nowrap' }}>
      <svg
        className="spark"
        width={width}
        height={height}
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`${label}: ${latest} a minute now, at most ${peak} in the last hour`}
      >
        <line x1="0" x2={width} y1={height - 1} y2={height - 1} />
        <polyline points={points.join(' ')} />
      </svg>
      <span className="small dim num" aria-hidden>
        {latest}/min
        <br />
        max {peak}
      </span>
    </span>
  );
}
