import { SegmentedControl, Switch, Tabs, useMantineColorScheme } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';
import { useMay, useSession } from '../../api/queries';
import { Page, Panel } from '../../components/Page';
import { setPreferences, usePreferences } from '../../live/preferences';
import { ACCESS_ROLE_MEANS } from '../../words/labels';
import { PeoplePanel } from './People';
import { TokensPanel } from './Tokens';

const here = getRouteApi('/settings');

export function SettingsPage() {
  const { tab = 'me' } = here.useSearch();
  const navigate = here.useNavigate();
  const keepsPeople = useMay('keep_people');
  return (
    <Page title="Settings">
      <Tabs
        value={tab}
        onChange={(value) =>
          void navigate({ search: { tab: value === 'me' ? undefined : (value ?? undefined) }, replace: true })
        }
      >
        <Tabs.List aria-label="Settings" mb={12}>
          <Tabs.Tab value="me">My preferences</Tabs.Tab>
          <Tabs.Tab value="people">People</Tabs.Tab>
          {keepsPeople && <Tabs.Tab value="tokens">API tokens</Tabs.Tab>}
        </Tabs.List>
        <Tabs.Panel value="me">
          <Me />
        </Tabs.Panel>
        <Tabs.Panel value="people">
          <PeoplePanel />
        </Tabs.Panel>
        {keepsPeople && (
          <Tabs.Panel value="tokens">
            <TokensPanel />
          </Tabs.Panel>
        )}
      </Tabs>
    </Page>
  );
}

function Me() {
  const { user, version, mode } = useSession();
  const { zone, singleKeys } = usePreferences();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <div className="two">
      <Panel title="This browser">
        <div className="stack loose">
          <div>
            <h3 id="scheme-label">Colours</h3>
            <SegmentedControl
              aria-labelledby="scheme-label"
              value={colorScheme}
              onChange={(value) => setColorScheme(value as 'light' | 'dark' | 'auto')}
              data={[
                { value: 'light', label: 'Light' },
                { value: 'dark', label: 'Dark' },
                { value: 'auto', label: 'As the system' },
              ]}
            />
          </div>
          <div>
            <h3 id="zone-label">Times</h3>
            <SegmentedControl
              aria-labelledby="zone-label"
              value={zone}
              onChange={(value) => setPreferences({ zone: value === 'local' ? 'local' : 'utc' })}
              data={[
                { value: 'utc', label: 'UTC' },
                { value: 'local', label: 'Local time' },
              ]}
            />
          </div>
          <Switch
            label="Single keys act"
            description="Press ? to see them. Ctrl K always works."
            checked={singleKeys}
            onChange={(event) => setPreferences({ singleKeys: event.currentTarget.checked })}
          />
        </div>
      </Panel>
      <Panel title="My account">
        <div className="stack">
          <dl className="definition">
            <dt>Name</dt>
            <dd>{user.name}</dd>
            <dt>E-mail</dt>
            <dd>{user.email}</dd>
            <dt>Roles</dt>
            <dd>
              {user.roles.map((role) => (
                <div key={role}>
                  {role}: <span className="dim">{ACCESS_ROLE_MEANS[role]}</span>
                </div>
              ))}
            </dd>
            <dt>Watchkeeper</dt>
            <dd>
              {version}
              {mode === 'demo' && ', demo'}
            </dd>
          </dl>
          <p>
            <a href="/password">Change my password</a>
          </p>
        </div>
      </Panel>
    </div>
  );
}
