import { Button, Checkbox, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useTokens } from '../../api/queries';
import type { Token } from '../../api/types';
import { FormDialog, faultOf, TypedWord } from '../../components/dialogs';
import { Ago, Person } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Empty, Loaded } from '../../components/States';
import { ACCESS_ROLE_MEANS, ACCESS_ROLES } from '../../words/labels';
import { ShownOnce } from './ShownOnce';

type Open = { what: 'create' } | { what: 'revoke'; token: Token } | { what: 'secret'; secret: string } | null;

export function TokensPanel() {
  const query = useTokens();
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  return (
    <Panel
      title="API tokens"
      side={<Button onClick={() => setOpen({ what: 'create' })}>Create token</Button>}
      bare
    >
      <Loaded query={query} what="tokens">
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="No token yet">
              A token lets a program use the API under /api/v1 with the roles you give it.
            </Empty>
          ) : (
            <TokenTable list={items} onRevoke={(token) => setOpen({ what: 'revoke', token })} />
          )
        }
      </Loaded>
      {open?.what === 'create' && (
        <CreateDialog onClose={close} onSecret={(secret) => setOpen({ what: 'secret', secret })} />
      )}
      {open?.what === 'revoke' && <RevokeDialog token={open.token} onClose={close} />}
      {open?.what === 'secret' && <ShownOnce title="The new token" secret={open.secret} onClose={close} />}
    </Panel>
  );
}

function TokenTable({ list, onRevoke }: { list: readonly Token[]; onRevoke: (token: Token) => void }) {
  return (
    <table className="table cards-when-narrow">
      <thead>
        <tr>
          <th>Name</th>
          <th>Roles</th>
          <th>Created</th>
          <th>Last used</th>
          <th>
            <span className="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {list.map((token) => (
          <tr key={token.id}>
            <td className="strong">{token.name}</td>
            <td>{token.roles.join(', ')}</td>
            <td className="small" data-label="Created">
              <Ago at={token.created_at} /> by <Person id={token.created_by} />
            </td>
            <td className="small" data-label="Last used">
              {token.last_used_at === null ? (
                <span className="dim">never</span>
              ) : (
                <Ago at={token.last_used_at} />
              )}
            </td>
            <td className="right">
              {token.revoked_at === null ? (
                <Button variant="subtle" onClick={() => onRevoke(token)} aria-label={`Revoke ${token.name}`}>
                  Revoke
                </Button>
              ) : (
                <span className="small dim">
                  revoked <Ago at={token.revoked_at} />
                </span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function CreateDialog({ onClose, onSecret }: { onClose: () => void; onSecret: (secret: string) => void }) {
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [roles, setRoles] = useState<string[]>(['viewer']);
  const create = useMutation({
    mutationFn: () =>
      request<{ token: string; id: string }>('/tokens', {
        method: 'POST',
        body: { name: name.trim(), roles },
      }),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ['tokens'] });
      onSecret(made.token);
    },
  });
  return (
    <FormDialog
      title="Create an API token"
      opened
      onClose={onClose}
      doLabel="Create token"
      pending={create.isPending}
      fault={create.error}
      ready={name.trim() !== '' && roles.length > 0}
      onDo={() => create.mutate()}
      shownFaults={['name', 'roles']}
    >
      <TextInput
        label="Name"
        description="What uses it, so that it can be revoked without guessing"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={faultOf(create.error, 'name')}
        required
      />
      <Checkbox.Group label="Roles" value={roles} onChange={setRoles} error={faultOf(create.error, 'roles')}>
        <div className="stack tight">
          {ACCESS_ROLES.map((role) => (
            <Checkbox key={role} value={role} label={`${role}: ${ACCESS_ROLE_MEANS[role]}`} />
          ))}
        </div>
      </Checkbox.Group>
    </FormDialog>
  );
}

function RevokeDialog({ token, onClose }: { token: Token; onClose: () => void }) {
  const client = useQueryClient();
  const [typed, setTyped] = useState('');
  const revoke = useMutation({
    mutationFn: () => request<void>(`/tokens/${encodeURIComponent(token.id)}`, { method: 'DELETE' }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: ['tokens'] });
      onClose();
    },
  });
  return (
    <FormDialog
      title="Revoke the token"
      opened
      onClose={onClose}
      doLabel="Revoke token"
      danger
      pending={revoke.isPending}
      fault={revoke.error}
      ready={typed.trim() === token.name}
      onDo={() => revoke.mutate()}
    >
      <p>Whatever uses “{token.name}” is refused from now on. This cannot be undone.</p>
      <TypedWord word={token.name} value={typed} onChange={setTyped} />
    </FormDialog>
  );
}
