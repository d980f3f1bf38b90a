import { Button, NativeSelect, Textarea } from '@mantine/core';
import { useState } from 'react';
import type { FactField, NoticeView } from '../../api/types';
import { useNoticeWrite } from '../../api/writes';
import { faultOf } from '../../components/dialogs';
import { ActorName, At } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';
import { FACT_NAMES } from '../../words/labels';

/** What people remark on a notice; no byte of it changes. */
export function Comments({ view }: { view: NoticeView }) {
  const { notice } = view;
  const write = useNoticeWrite(notice.id);
  const [text, setText] = useState('');
  const [field, setField] = useState<FactField | ''>('');
  const comments = notice.comments ?? [];
  if (notice.kind === 'holding') return null;
  return (
    <Panel title="Comments" bare>
      {comments.length === 0 && <p className="line-item dim">Nobody has remarked on this notice.</p>}
      <ul className="plain-list lines">
        {comments.map((comment) => (
          <li key={comment.at + comment.text} className="line-item">
            <div className="small dim">
              <ActorName actor={comment.by} />, <At at={comment.at} />
              {comment.field && ` · on “${FACT_NAMES[comment.field].label}”`}
            </div>
            <p className="wrap" style={{ whiteSpace: 'pre-line' }}>
              {comment.text}
            </p>
          </li>
        ))}
      </ul>
      {notice.state !== 'sent' && notice.state !== 'discarded' && (
        <form
          className="line-item stack"
          onSubmit={(event) => {
            event.preventDefault();
            const body = { text: text.trim(), ...(field === '' ? {} : { field }) };
            write.mutate({ path: '/comments', body }, { onSuccess: () => setText('') });
          }}
        >
          <NativeSelect
            label="On"
            value={field}
            onChange={(event) => setField(event.currentTarget.value as FactField | '')}
            data={[
              { value: '', label: 'the whole notice' },
              ...view.fields.map((each) => ({ value: each.field, label: FACT_NAMES[each.field].label })),
            ]}
          />
          <Textarea
            label="Comment"
            minRows={2}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            error={faultOf(write.error, 'text')}
          />
          <Refused fault={write.error} shown={['text']} />
          <div className="row">
            <Button type="submit" loading={write.isPending} disabled={text.trim() === ''}>
              Add comment
            </Button>
          </div>
        </form>
      )}
    </Panel>
  );
}
