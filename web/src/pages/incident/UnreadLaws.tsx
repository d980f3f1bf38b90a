/** Rules of law that are switched off until counsel has read them: what each would ask, and how it is switched on. */
import type { ClocksView, RulePhase, UnreadRule } from '../../api/types';
import { At } from '../../components/marks';
import { count } from '../../words/labels';
import { waitsFor, words } from '../../words/moments';

export function UnreadLaws({ unread }: { unread: ClocksView['unread'] }) {
  if (unread.length === 0) return null;
  const likely = unread.filter((rule) => rule.may_bind);
  const others = unread.filter((rule) => !rule.may_bind);
  return (
    <section className="stack tight" aria-label="Rules that are switched off">
      <p className="small">
        <span className="tag warn">not read</span> {count(unread.length, 'rule')}{' '}
        {unread.length === 1 ? 'is' : 'are'} switched off here until counsel has read them. Off does not mean
        that the law does not bind: nobody is reminded of it here.
      </p>
      {likely.map((rule) => (
        <Unread key={rule.id} rule={rule} />
      ))}
      {others.length > 0 && (
        <details className="small">
          <summary>
            {likely.length > 0 ? 'The others' : 'All of them'}: {count(others.length, 'rule')}
          </summary>
          <div className="stack tight">
            {others.map((rule) => (
              <Unread key={rule.id} rule={rule} />
            ))}
          </div>
        </details>
      )}
      <p className="small dim">
        To switch one on once counsel has read it, name its id in the configuration, such as{' '}
        <code>[playbooks] enable = ["{(likely[0] ?? unread[0])?.id}"]</code>, and start the service again.
      </p>
    </section>
  );
}

function Unread({ rule }: { rule: UnreadRule }) {
  return (
    <div className="small">
      <p>
        <span className="strong">{rule.title}</span> <code>{rule.id}</code>{' '}
        {rule.may_bind && <span className="tag warn">unread, may bind</span>}
      </p>
      {rule.phases.map((phase) => (
        <p key={phase.id}>
          {rule.phases.length > 1 && `${words(phase.id)}: `}
          <WouldAsk phase={phase} /> To: {rule.recipients}.
        </p>
      ))}
      <p className="dim wrap">
        If: {rule.applies_if}. {rule.source};{' '}
        {rule.confidence === 'V' ? 'read at the source' : 'read at a secondary source'}, {rule.last_verified}.
      </p>
    </div>
  );
}

function WouldAsk({ phase }: { phase: RulePhase }) {
  const { due } = phase;
  switch (due.state) {
    case 'waits':
      return <>Would count from {waitsFor(due.until)}.</>;
    case 'asap':
      return (
        <>
          Would be due as soon as possible, since <At at={due.since} />.
        </>
      );
    case 'by':
      return (
        <>
          Would be due by{' '}
          <strong>
            <At at={due.due_at} />
          </strong>
          .
        </>
      );
  }
}
