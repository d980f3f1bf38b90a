import { Button, Checkbox, Switch, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { request } from '../../api/client';
import { useMay, useSession, useUsers } from '../../api/queries';
import type { AccessRole, User } from '../../api/types';
import { FormDialog, faultOf } from '../../components/dialogs';
import { Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Loaded } from '../../components/States';
import { ACCESS_ROLE_MEANS, ACCESS_ROLES } from '../../words/labels';
import { ShownOnce } from './ShownOnce';

type Open =
  | { what: 'add' }
  | { what: 'edit'; user: User }
  | { what: 'secret'; title: string; secret: string }
  | null;

export function PeoplePanel() {
  const query = useUsers();
  const may = useMay('keep_people');
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const showSecret = (user: User, secret: string) =>
    setOpen({ what: 'secret', title: `One-time password of ${user.name}`, secret });
  return (
    <Panel
      title="People"
      side={may && <Button onClick={() => setOpen({ what: 'add' })}>Add person</Button>}
      bare
    >
      <Loaded query={query} what="people">
        {({ items }) => (
          <table className="table cards-when-narrow">
            <thead>
              <tr>
                <th>Name</th>
                <th>Roles</th>
                <th>Account</th>
                <th>
                  <span className="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((user) => (
                <Row
                  key={user.id}
                  user={user}
                  may={may}
                  onEdit={() => setOpen({ what: 'edit', user })}
                  onSecret={showSecret}
                />
              ))}
            </tbody>
          </table>
        )}
      </Loaded>
      {open?.what === 'add' && <PersonDialog onClose={close} onSecret={showSecret} />}
      {open?.what === 'edit' && <PersonDialog user={open.user} onClose={close} onSecret={showSecret} />}
      {open?.what === 'secret' && <ShownOnce title={open.title} secret={open.secret} onClose={close} />}
    </Panel>
  );
}

function Row({
  user,
  may,
  onEdit,
  onSecret,
}: {
  user: User;
  may: boolean;
  onEdit: () => void;
  onSecret: (user: User, secret: string) => void;
}) {
  const issue = useMutation({
    mutationFn: () =>
      request<{ one_time_password: string }>(`/users/${encodeURIComponent(user.id)}/password`, {
        method: 'POST',
        body: {},
      }),
    onSuccess: (answer) => onSecret(user, answer.one_time_password),
  });
  return (
    <tr>
      <td>
        <span className="strong">{user.name}</span>
        <div className="small dim wrap">{user.email}</div>
      </td>
      <td>{user.roles.join(', ')}</td>
      <td className="small">
        {user.closed_at !== undefined ? (
          <>
            closed <Ago at={user.closed_at} />
          </>
        ) : user.must_change_password ? (
          <span className="soon">has not signed in with a password of their own yet</span>
        ) : (
          'open'
        )}
        {issue.error !== null && <div className="bad">{issue.error.message}</div>}
      </td>
      <td className="right">
        {may && (
          <div className="row" style={{ justifyContent: 'flex-end' }}>
            <Button variant="subtle" onClick={onEdit} aria-label={`Edit ${user.name}`}>
              Edit
            </Button>
            <Button
              variant="subtle"
              loading={issue.isPending}
              onClick={() => issue.mutate()}
              aria-label={`New password for ${user.name}, to be used once`}
            >
              New password
            </Button>
          </div>
        )}
      </td>
    </tr>
  );
}

function PersonDialog({
  user,
  onClose,
  onSecret,
}: {
  user?: User;
  onClose: () => void;
  onSecret: (user: User, secret: string) => void;
}) {
  const client = useQueryClient();
  const me = useSession().user;
  const [email, setEmail] = useState(user?.email ?? '');
  const [name, setName] = useState(user?.name ?? '');
  const [roles, setRoles] = useState<string[]>(user?.roles ?? ['responder']);
  const [closed, setClosed] = useState(user?.closed_at !== undefined);
  const save = useMutation({
    mutationFn: async () => {
      if (user !== undefined) {
        const change = { name: name.trim(), roles, closed };
        await request<User>(`/users/${encodeURIComponent(user.id)}`, { method: 'PATCH', body: change });
        return null;
      }
      const body = { email: email.trim(), name: name.trim(), roles: roles as AccessRole[] };
      return request<{ user: User; one_time_password: string }>('/users', { method: 'POST', body });
    },
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ['users'] });
      onClose();
      if (made !== null) onSecret(made.user, made.one_time_password);
    },
  });
  return (
    <FormDialog
      title={user === undefined ? 'Add a person' : `Edit ${user.name}`}
      opened
      onClose={onClose}
      doLabel={user === undefined ? 'Add person' : 'Save person'}
      pending={save.isPending}
      fault={save.error}
      ready={email.trim() !== '' && name.trim() !== '' && roles.length > 0}
      onDo={() => save.mutate()}
      shownFaults={['email', 'name', 'roles']}
    >
      <TextInput
        label="E-mail"
        type="email"
        description="To sign in with, and where pages go"
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
        disabled={user !== undefined}
        error={faultOf(save.error, 'email')}
        required
      />
      <TextInput
        label="Name"
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        error={faultOf(save.error, 'name')}
        required
      />
      <Checkbox.Group label="Roles" value={roles} onChange={setRoles} error={faultOf(save.error, 'roles')}>
        <div className="stack tight">
          {ACCESS_ROLES.map((role) => (
            <Checkbox key={role} value={role} label={`${role}: ${ACCESS_ROLE_MEANS[role]}`} />
          ))}
        </div>
      </Checkbox.Group>
      {user !== undefined && user.id !== me.id && (
        <Switch
          label="Account is closed"
          description="A closed account cannot sign in and is not paged."
          checked={closed}
          onChange={(event) => setClosed(event.currentTarget.checked)}
        />
      )}
    </FormDialog>
  );
}
