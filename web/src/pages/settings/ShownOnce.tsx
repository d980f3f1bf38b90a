import { Button, CopyButton, Modal } from '@mantine/core';

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
        <pre className="pre" tabIndex={0} aria-label="Secret">
          {secret}
        </pre>
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
