import { Button, CopyButton, Modal } from '@mantine/core';
import { RawText } from '../../components/RawText';

/** A secret that the server keeps only as a digest: seen now or never. */
export function ShownOnce({
  title,
  secret,
  onClose,
}: {
  title: string;
  secret: string;
  onClose: () => void;
}) {
  return (
    <Modal opened onClose={onClose} title={title} closeOnClickOutside={false}>
      <div className="stack">
        <p>Copy it now: it is shown only once, and cannot be read again.</p>
        <RawText label="Secret">{secret}</RawText>
        <div className="row" style={{ justifyContent: 'flex-end' }}>
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button variant="filled" onClick={copy}>
                {copied ? 'Copied' : 'Copy'}
              </Button>
            )}
          </CopyButton>
          <Button onClick={onClose}>I have it</Button>
        </div>
      </div>
    </Modal>
  );
}
