'use client';

import { type SubmitEvent, useState } from 'react';
import { askDashboard, whyNot } from '../../lib/rest/dashboard-client.ts';
import { Button } from '../../ui/button.tsx';
import { CommandLine } from '../../ui/command-line.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { TextField } from '../../ui/text-field.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { emailFault } from '../session/sign-in-problem.ts';
import { RoleChoice } from './role-choice.tsx';
import { readInvited } from './team.ts';

export interface InvitedLink {
  readonly email: string;
  readonly link: string;
  readonly isMailed: boolean;
}

/** Asks somebody to join; the link is mailed where mail is set up, and can be copied in any case. */
export function InviteDialog({
  roles,
  onClose,
  onDone,
}: {
  roles: readonly string[];
  onClose: () => void;
  onDone: (invited: InvitedLink) => void;
}) {
  const { accountId, csrfToken } = useAccount();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState(roles.includes('developer') ? 'developer' : (roles.at(-1) ?? 'viewer'));
  const [fault, setFault] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const found = email.trim() === '' ? 'Enter the address of who you invite.' : emailFault(email);
    setFault(found);
    if (found || isBusy) return;
    setBusy(true);
    const asked = { body: { email, role }, csrf: csrfToken, account: accountId, read: readInvited };
    const answer = await askDashboard('POST', '/team/invitations', asked);
    setBusy(false);
    if (answer.kind !== 'ok') return setFault(whyNot(answer));
    onDone({ email: answer.value.invitation.email, link: answer.value.link, isMailed: answer.value.isMailed });
  };
  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      <form onSubmit={submit} noValidate className="flex flex-col gap-4">
        <TextField
          label="E-mail"
          name="invite-email"
          type="email"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={320}
          fault={fault}
          value={email}
          onChange={(event) => setEmail(event.target.value)}
        />
        <RoleChoice roles={roles} value={role} onChange={setRole} />
        <div className="flex justify-end gap-2">
          <Button tone="secondary" onClick={onClose}>
            Cancel
          </Button>
          <Button tone="primary" type="submit" disabled={isBusy}>
            Invite
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** The link, once: it is kept nowhere. */
export function InvitedDialog({ invited, onClose }: { invited: InvitedLink; onClose: () => void }) {
  return (
    <Dialog title={`${invited.email} is invited`} onClose={onClose}>
      <div className="flex flex-col items-start gap-4">
        <p className="text-ink-2">
          {invited.isMailed
            ? 'A link went to that address. You can also give them this one; it works once, for half an hour, and is not shown again.'
            : 'This server sends no mail. Give them this link; it works once, for half an hour, and is not shown again.'}
        </p>
        <CommandLine command={invited.link} />
        <Button tone="primary" className="self-end" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}
