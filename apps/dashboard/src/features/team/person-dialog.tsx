'use client';

import { useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { Button } from '../../ui/button.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { RoleChoice } from './role-choice.tsx';
import { ownsInWords, type Person, readPerson } from './team.ts';

export interface PersonDialogProps {
  readonly person: Person;
  readonly roles: readonly string[];
  readonly onClose: () => void;
  readonly onChanged: () => Promise<void>;
}

/** One person of the account: their role, keeping them out for a while, taking them out for good. */
export function PersonDialog({ person, roles, onClose, onChanged }: PersonDialogProps) {
  const { accountId, csrfToken, user, may } = useAccount();
  const path = `/team/people/${person.id}`;
  const { value } = useAnswer(path, readPerson, accountId);
  const [role, setRole] = useState(person.role);
  const [mayInvite, setMayInvite] = useState(person.mayInvite);
  const [problem, setProblem] = useState<string | null>(null);
  const [isRemoving, setRemoving] = useState(false);
  const isMe = person.id === user.id;
  const mayChange = may('team.manage') && roles.includes(person.role);
  const owns = value === null ? null : ownsInWords(value.owns);
  const ask = async (method: 'PATCH' | 'DELETE', body?: object) => {
    const asked = { csrf: csrfToken, account: accountId, read: nothing, ...(body ? { body } : {}) };
    const answer = await askDashboard(method, path, asked);
    if (answer.kind !== 'ok') return setProblem(whyNot(answer));
    // Whoever left cannot look at this page any more.
    if (method === 'DELETE' && isMe) return location.assign('/');
    await onChanged();
    onClose();
  };
  const name = person.name || person.email;
  if (isRemoving) {
    return (
      <Dialog title={isMe ? 'Leave this account?' : `Remove ${name}?`} onClose={onClose}>
        <div className="flex flex-col gap-4">
          <div className="flex flex-col gap-2 text-ink-2">
            <p>
              {owns
                ? `${owns} of ${isMe ? 'yours' : 'theirs'} stop working within five seconds, and the agents that use them go offline.`
                : `No authtoken or key stops: ${isMe ? 'you own' : 'they own'} none here.`}
            </p>
            {!isMe && !person.isDisabled && <p>To keep them out for a while only, pause their access instead.</p>}
          </div>
          <p role="alert" className="text-cinnabar empty:hidden">
            {problem}
          </p>
          <div className="flex justify-end gap-2">
            <Button tone="secondary" onClick={() => setRemoving(false)}>
              Keep {isMe ? 'the membership' : 'them'}
            </Button>
            <Button tone="danger" onClick={() => ask('DELETE')}>
              {isMe ? 'Leave the account' : 'Remove from account'}
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title={<UntrustedText text={name} />} onClose={onClose} form="drawer">
      <div className="flex flex-col gap-6">
        <Facts>
          <Fact label="E-mail">
            <UntrustedText text={person.email} />
          </Fact>
          <Fact label="Second factor">{person.hasSecondFactor ? 'set up' : 'none'}</Fact>
          <Fact label="Last seen">{person.lastSeenAt ? <LocalTime iso={person.lastSeenAt} /> : 'never'}</Fact>
          <Fact label="Here since">
            <LocalTime iso={person.joinedAt} />
          </Fact>
          <Fact label="Owns">{value === null ? '…' : (owns ?? 'no authtoken and no key')}</Fact>
          <Fact label="Id">
            <code className="font-mono text-url">{person.id}</code>
          </Fact>
        </Facts>
        {mayChange && (
          <>
            <RoleChoice roles={roles} value={role} onChange={setRole} />
            <label className="flex items-start gap-2.5 max-sm:min-h-11">
              <input
                type="checkbox"
                checked={mayInvite}
                onChange={(event) => setMayInvite(event.target.checked)}
                className="mt-[3px] size-[15px] shrink-0 accent-lapis max-sm:size-5"
              />
              <span>
                <span className="block font-button">May invite people</span>
                <span className="block text-meta text-ink-3">
                  Up to their own role. Administrators and team managers may anyway.
                </span>
              </span>
            </label>
          </>
        )}
        <p role="alert" className="text-cinnabar empty:hidden">
          {problem}
        </p>
        <div className="flex flex-wrap gap-2">
          {mayChange && (
            <Button
              tone="primary"
              disabled={role === person.role && mayInvite === person.mayInvite}
              onClick={() => ask('PATCH', { role, mayInvite })}
            >
              Save role
            </Button>
          )}
          {mayChange && !isMe && (
            <Button tone="secondary" onClick={() => ask('PATCH', { isDisabled: !person.isDisabled })}>
              {person.isDisabled ? 'Let them in again' : 'Pause access'}
            </Button>
          )}
          {(mayChange || isMe) && (
            <Button tone="quiet-danger" onClick={() => setRemoving(true)}>
              {isMe ? 'Leave…' : 'Remove…'}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}
