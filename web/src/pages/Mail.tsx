import { Tabs } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useMail } from '../api/queries';
import type { MailMessage } from '../api/types';
import { LetterHtml } from '../components/LetterHtml';
import { At } from '../components/marks';
import { Page } from '../components/Page';
import { RawText } from '../components/RawText';
import { Loaded } from '../components/States';

const here = getRouteApi('/mailbox/$id');

export function MailPage() {
  const { id } = here.useParams();
  const query = useMail(id);
  return (
    <Page title={query.data?.subject ?? 'Message'} crumb={<Link to="/mailbox">Mailbox</Link>}>
      <Loaded query={query} what="the message">
        {(mail) => <Message mail={mail} />}
      </Loaded>
    </Page>
  );
}

function Message({ mail }: { mail: MailMessage }) {
  return (
    <div className="stack">
      <dl className="definition">
        <dt>To</dt>
        <dd>{mail.to}</dd>
        <dt>From</dt>
        <dd>{mail.from}</dd>
        <dt>Received</dt>
        <dd>
          <At at={mail.received_at} />
        </dd>
      </dl>
      <Tabs defaultValue="text">
        <Tabs.List aria-label="Form of the message">
          <Tabs.Tab value="text">Text</Tabs.Tab>
          {mail.html !== null && mail.html !== '' && <Tabs.Tab value="html">HTML</Tabs.Tab>}
          <Tabs.Tab value="raw">Raw</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="text" pt={12}>
          <RawText label="Message as text">
            <Linked text={mail.text} />
          </RawText>
        </Tabs.Panel>
        <Tabs.Panel value="html" pt={12}>
          <LetterHtml html={mail.html ?? ''} />
        </Tabs.Panel>
        <Tabs.Panel value="raw" pt={12}>
          <RawText label="Raw message">{mail.raw}</RawText>
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}

/** Links of this very service can be followed, as a recipient would; all others stay text. */
function Linked({ text }: { text: string }) {
  const parts = text.split(/(https?:\/\/[^\s<>"]+)/g);
  return (
    <>
      {parts.map((part, index) =>
        index % 2 === 1 && sameOrigin(part) ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text that does not change
          <a key={index} href={part}>
            {part}
          </a>
        ) : (
          part
        ),
      )}
    </>
  );
}

function sameOrigin(address: string): boolean {
  try {
    return new URL(address).origin === window.location.origin;
  } catch {
    return false;
  }
}
