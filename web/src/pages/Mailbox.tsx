import { Link } from '@tanstack/react-router';
import { rows, useMailbox } from '../api/queries';
import type { MailRow } from '../api/types';
import { NewPill, useHeldRows } from '../components/HeldList';
import { Ago } from '../components/marks';
import { Page } from '../components/Page';
import { Empty, Loaded, More } from '../components/States';

/** The mail of the demo: every page and letter, as its recipient would get it. */
export function MailboxPage() {
  const query = useMailbox();
  const { rows: held, held: waiting, release } = useHeldRows(rows(query.data), 'mailbox');
  return (
    <Page
      title="Mailbox"
      below={<p className="dim">All mail of the demo ends here; none leaves this machine.</p>}
    >
      <NewPill held={waiting} release={release} />
      <Loaded query={{ ...query, data: held }} what="the mailbox">
        {(list) =>
          list.length === 0 ? (
            <Empty title="No mail yet">
              Pages arrive as soon as an incident opens; letters, when customers are told.
            </Empty>
          ) : (
            <Mails list={list.map((each) => each.row)} />
          )
        }
      </Loaded>
      <More query={query} />
    </Page>
  );
}

function Mails({ list }: { list: readonly MailRow[] }) {
  return (
    <div className="table-scroll">
      <table className="table cards-when-narrow">
        <thead>
          <tr>
            <th>Subject</th>
            <th>To</th>
            <th>From</th>
            <th className="right">Received</th>
          </tr>
        </thead>
        <tbody>
          {list.map((mail) => (
            <tr key={mail.id} data-row>
              <td>
                <Link to="/mailbox/$id" params={{ id: mail.id }} className="title" data-row-link>
                  {mail.subject}
                </Link>
              </td>
              <td className="wrap" data-label="To">
                {mail.to}
              </td>
              <td className="wrap dim" data-label="From">
                {mail.from}
              </td>
              <td className="right">
                <Ago at={mail.received_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
