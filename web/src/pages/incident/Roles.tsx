import { Button, NativeSelect } from '@mantine/core';
import { useState } from 'react';
import { useMay, useNameOf, useSession, useUsers } from '../../api/queries';
import type { Incident, IncidentView, Role, User } from '../../api/types';
import { useIncidentWrite } from '../../api/writes';
import { FormDialog } from '../../components/dialogs';
import { Ago } from '../../components/marks';
import { Panel } from '../../components/Page';
import { Refused } from '../../components/States';
import { MAY_HOLD, ROLE_NAMES, ROLES } from '../../words/labels';

/** Who does what, and how a role changes hands: who has it keeps it until the other accepts. */
export function RolesPanel({ view }: { view: IncidentView }) {
  return (
    <Panel title="Roles" bare>
      <ul className="plain-list lines">
        {ROLES.map((role) => (
          <RoleRow key={role} role={role} view={view} />
        ))}
      </ul>
    </Panel>
  );
}

function isRequired(incident: Incident, role: Role): boolean {
  return role === 'commander' || incident.playbook?.roles[role]?.required === true;
}

function RoleRow({ role, view }: { role: Role; view: IncidentView }) {
  const { incident } = view;
  const { user } = useSession();
  const nameOf = useNameOf();
  const post = incident.posts[role];
  const holder = post?.holder ?? null;
  const offer = post?.offer ?? null;
  const duty = incident.playbook?.roles[role]?.duty;
  const former = post?.history ?? [];
  return (
    <li className="line-item stack tight">
      <div className="row apart">
        <div className="grow">
          <h3>{ROLE_NAMES[role]}</h3>
          <div className="small">
            {holder !== null ? (
              <>
                {nameOf(holder.user)}
                {holder.user === user.id && ' (you)'} <span className="dim">since </span>
                <Ago at={holder.since} />
              </>
            ) : isRequired(incident, role) && incident.phase !== 'closed' ? (
              <span className="bad strong">vacant, and required</span>
            ) : (
              <span className="dim">vacant</span>
            )}
            {offer !== null && <div className="soon">offered to {nameOf(offer.to)}; not accepted yet</div>}
          </div>
        </div>
        {incident.phase !== 'closed' && <RoleActions role={role} view={view} />}
      </div>
      {duty !== undefined && <p className="small dim">{duty}</p>}
      {former.length > 0 && (
        <p className="small dim">before: {former.map((term) => nameOf(term.user)).join(', ')}</p>
      )}
    </li>
  );
}

function RoleActions({ role, view }: { role: Role; view: IncidentView }) {
  const { incident } = view;
  const { user } = useSession();
  const mayRespond = useMay('respond');
  const mayLead = useMay('lead_incidents');
  const write = useIncidentWrite(incident.id);
  const [choosing, setChoosing] = useState<'assign' | 'offer' | null>(null);
  const post = incident.posts[role];
  const mine = post?.holder?.user === user.id;
  const command = incident.posts.commander?.holder?.user === user.id;
  const offeredToMe = post?.offer?.to === user.id;
  const touches = (i: Incident) => i.posts[role] ?? null;
  if (!mayRespond) return null;
  return (
    <div className="row" style={{ justifyContent: 'flex-end' }}>
      {offeredToMe && (
        <Button
          variant="filled"
          loading={write.isPending}
          aria-label={`Accept ${ROLE_NAMES[role]}`}
          onClick={() => write.mutate({ path: `/roles/${role}/accept`, touches })}
        >
          Accept
        </Button>
      )}
      {post?.holder == null && (
        <Button
          variant={role === 'commander' ? 'filled' : 'default'}
          loading={write.isPending}
          aria-label={role === 'commander' ? 'Take command' : `Take ${ROLE_NAMES[role]}`}
          onClick={() => write.mutate({ path: `/roles/${role}/assign`, body: { user: user.id }, touches })}
        >
          {role === 'commander' ? 'Take command' : 'Take'}
        </Button>
      )}
      {mayLead && !mine && (
        <Button onClick={() => setChoosing('assign')} aria-label={`Assign ${ROLE_NAMES[role]}`}>
          Assign
        </Button>
      )}
      {post?.offer != null && (mine || command || offeredToMe) && (
        <Button
          loading={write.isPending}
          aria-label={`${offeredToMe ? 'Decline' : 'Withdraw the offer of'} ${ROLE_NAMES[role]}`}
          onClick={() => write.mutate({ path: `/roles/${role}/withdraw`, touches })}
        >
          {offeredToMe ? 'Decline' : 'Withdraw the offer'}
        </Button>
      )}
      {post?.holder != null && post.offer == null && (mine || command) && (
        <Button onClick={() => setChoosing('offer')} aria-label={`Offer hand-over of ${ROLE_NAMES[role]}`}>
          Offer hand-over
        </Button>
      )}
      <Refused fault={choosing === null ? write.error : null} />
      <ChoosePerson
        role={role}
        mode={choosing}
        except={post?.holder?.user}
        pending={write.isPending}
        fault={write.error}
        onClose={() => {
          setChoosing(null);
          write.reset();
        }}
        onChoose={(person) =>
          write.mutate(
            choosing === 'offer'
              ? { path: `/roles/${role}/offer`, body: { to: person }, touches }
              : { path: `/roles/${role}/assign`, body: { user: person }, touches },
            { onSuccess: () => setChoosing(null) },
          )
        }
      />
    </div>
  );
}

function ChoosePerson(props: {
  role: Role;
  mode: 'assign' | 'offer' | null;
  except: string | undefined;
  pending: boolean;
  fault: Error | null;
  onClose: () => void;
  onChoose: (user: string) => void;
}) {
  const [chosen, setChosen] = useState('');
  const users = useUsers().data?.items ?? [];
  const candidates = users.filter((user: User) => user.closed_at === undefined && user.id !== props.except);
  const may = (user: User) => user.roles.some((role) => MAY_HOLD[props.role].includes(role));
  const cannot = props.role === 'legal' ? 'may not approve notices' : 'may not work on incidents';
  const name = ROLE_NAMES[props.role];
  const offering = props.mode === 'offer';
  return (
    <FormDialog
      title={offering ? `Hand over ${name}` : `Assign ${name}`}
      opened={props.mode !== null}
      onClose={props.onClose}
      doLabel={offering ? 'Offer hand-over' : 'Assign role'}
      pending={props.pending}
      fault={props.fault}
      ready={chosen !== ''}
      onDo={() => props.onChoose(chosen)}
      shownFaults={['to', 'user']}
    >
      <p className="small">
        {offering
          ? 'The person is paged. Whoever has the role keeps it until the other accepts.'
          : 'The person has the role at once, and is paged.'}
      </p>
      <NativeSelect
        label="Person"
        value={chosen}
        onChange={(event) => setChosen(event.currentTarget.value)}
        data={[
          { value: '', label: 'Choose…' },
          ...candidates
            .toSorted((a, b) => Number(may(b)) - Number(may(a)))
            .map((user) => ({
              value: user.id,
              label: `${user.name} (${user.roles.join(', ')})${may(user) ? '' : `: ${cannot}`}`,
              disabled: !may(user),
            })),
        ]}
      />
    </FormDialog>
  );
}
