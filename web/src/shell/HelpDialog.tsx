import { Kbd, Modal, Switch } from '@mantine/core';
import { setPreferences, usePreferences } from '../live/preferences';
import { GO_KEYS } from './keyboard';
import { openDialog } from './openDialog';

const KEYS: readonly [readonly string[], string][] = [
  [['Ctrl', 'K'], 'Search and commands'],
  [['j'], 'Next row'],
  [['k'], 'Row before'],
  [['Enter'], 'Open the row'],
  [['a'], 'Acknowledge'],
  [['s'], 'Change the severity'],
  [['c'], 'Declare an incident'],
  [['?'], 'This help'],
];

export default function HelpDialog() {
  const { singleKeys } = usePreferences();
  return (
    <Modal opened onClose={() => openDialog(null)} title="Keys" size="md">
      <div className="stack">
        <dl className="kbd-list">
          {KEYS.map(([keys, what]) => (
            <Row key={what} keys={keys} what={what} />
          ))}
          {Object.entries(GO_KEYS).map(([key, goal]) => (
            <Row key={key} keys={['g', key]} what={`Go to ${goal.name}`} />
          ))}
        </dl>
        <Switch
          label="Single keys act"
          description="Turn off where a keyboard or speech software types them by accident. Ctrl K always works."
          checked={singleKeys}
          onChange={(event) => setPreferences({ singleKeys: event.currentTarget.checked })}
        />
      </div>
    </Modal>
  );
}

function Row({ keys, what }: { keys: readonly string[]; what: string }) {
  return (
    <>
      <dt>
        {keys.map((key) => (
          <Kbd key={key} mr={4}>
            {key}
          </Kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </>
  );
}
