'use client';

import { UserRoundPlus } from 'lucide-react';
import { useState } from 'react';
import { askDashboard, nothing, whyNot } from '../../lib/rest/dashboard-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { roleName } from '../../lib/roles.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { useRefresh } from '../records/use-refresh.ts';
import { PageHead } from '../shell/page-head.tsx';
import { InviteDialog, InvitedDialog, type InvitedLink } from './invite-dialog.tsx';
import { PersonDialog } from './person-dialog.tsx';
import { type Invitation, type Person, readInvited, readTeam } from './team.ts';

const personColumns = 'grid-cols-[minmax(0,1fr)_110px] @min-[640px]:grid-cols-[minmax(0,1fr)_130px_110px_110px]';
const invitationColumns = 'grid-cols-[minmax(0,1fr)_auto] @min-[640px]:grid-cols-[minmax(0,1fr)_130px_110px_180px]';

/** Who works in this account, then who is asked to. */
export function TeamPage() {
  const { accountId, csrfToken, may, user } = useAccount();
  const { answer, value: team, reload } = useAnswer('/team', readTeam, accountId);
  useRefresh('team', reload, { isAsked: true });
  const [openId, setOpenId] = useState<string | null>(null);
  const [isInviting, setInviting] = useState(false);
  const [invited, setInvited] = useState<InvitedLink | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const open = team?.people.find(({ id }) => id === openId);

  const sendAgain = async ({ id, email }: Invitation) => {
    setProblem(null);
    const asked = { csrf: csrfToken, account: accountId, read: readInvited };
    const sent = await askDashboard('POST', `/team/invitations/${id}/send`, asked);
    if (sent.kind === 'ok') setInvited({ email, link: sent.value.link, isMailed: sent.value.isMailed });
    else setProblem(whyNot(sent));
    await reload();
  };
  const revoke = async ({ id }: Invitation) => {
    setProblem(null);
    const asked = { csrf: csrfToken, account: accountId, read: nothing };
    const done = await askDashboard('DELETE', `/team/invitations/${id}`, asked);
    if (done.kind !== 'ok') setProblem(whyNot(done));
    await reload();
  };
  return (
    <>
      <PageHead title="Team" chips={team && <Chip tone="plain">{team.people.length}</Chip>}>
        {!may('team.invite') && team && (
          <span className="text-meta text-ink-3 max-sm:hidden">You can look, not change.</span>
        )}
        {may('team.invite') && (
          <Button tone="primary" onClick={() => setInviting(true)}>
            <UserRoundPlus size={15} strokeWidth={1.75} aria-hidden />
            Invite
          </Button>
        )}
      </PageHead>
      <ContactStrip />
      <main id="content" tabIndex={-1} className="flex min-h-0 flex-1 flex-col gap-8 overflow-y-auto pb-8">
        {(problem ?? (answer && answer.kind !== 'ok')) && (
          <p role="alert" className="px-6 pt-4 text-cinnabar max-sm:px-4">
            {problem ?? (answer && answer.kind !== 'ok' ? whyNot(answer) : null)}
          </p>
        )}
        {team && (
          <TableSection label="People">
            <TableHead>
              <Row columns={personColumns}>
                <Th>Person</Th>
                <Th>Role</Th>
                <Th className="@max-[640px]:hidden">Second factor</Th>
                <Th isFigure className="@max-[640px]:hidden">
                  Last seen
                </Th>
              </Row>
            </TableHead>
            <TableBody>
              {team.people.map((person) => (
                <PersonRow
                  key={person.id}
                  person={person}
                  isMe={person.id === user.id}
                  onOpen={() => setOpenId(person.id)}
                />
              ))}
            </TableBody>
          </TableSection>
        )}
        {team && team.invitations.length > 0 && (
          <TableSection label="Invitations" title="Invitations">
            <TableBody>
              {team.invitations.map((invitation) => (
                <InvitationRow
                  key={invitation.id}
                  invitation={invitation}
                  mayChange={team.roles.includes(invitation.role)}
                  onSend={() => sendAgain(invitation)}
                  onRevoke={() => revoke(invitation)}
                />
              ))}
            </TableBody>
          </TableSection>
        )}
      </main>
      {isInviting && team && (
        <InviteDialog
          roles={team.roles}
          onClose={() => setInviting(false)}
          onDone={(link) => {
            setInviting(false);
            setInvited(link);
            void reload();
          }}
        />
      )}
      {invited && <InvitedDialog invited={invited} onClose={() => setInvited(null)} />}
      {open && team && (
        <PersonDialog person={open} roles={team.roles} onClose={() => setOpenId(null)} onChanged={reload} />
      )}
    </>
  );
}

function PersonRow({ person, isMe, onOpen }: { person: Person; isMe: boolean; onOpen: () => void }) {
  return (
    <Row columns={personColumns} className="relative min-h-[52px] hover:bg-hover" data-person={person.email}>
      <NameCell className="py-1.5">
        <button type="button" onClick={onOpen} className="block max-w-full text-left after:absolute after:inset-0">
          <span className="flex items-center gap-2">
            <span className="truncate font-button">
              <UntrustedText text={person.name || person.email} />
            </span>
            {isMe && <span className="text-meta text-ink-3">you</span>}
            {person.isDisabled && <Chip tone="waiting">paused</Chip>}
          </span>
          {person.name && (
            <span className="block truncate text-meta text-ink-3">
              <UntrustedText text={person.email} />
            </span>
          )}
        </button>
      </NameCell>
      <Td>{roleName(person.role)}</Td>
      <Td className="@max-[640px]:hidden">
        {person.hasSecondFactor ? 'set up' : <span className="text-ink-3">none</span>}
      </Td>
      <Td isFigure className="@max-[640px]:hidden">
        {person.lastSeenAt ? (
          <LocalTime iso={person.lastSeenAt} className="text-ink-2" />
        ) : (
          <span className="text-ink-3">–</span>
        )}
      </Td>
    </Row>
  );
}

interface InvitationRowProps {
  readonly invitation: Invitation;
  readonly mayChange: boolean;
  readonly onSend: () => void;
  readonly onRevoke: () => void;
}

function InvitationRow({ invitation, mayChange, onSend, onRevoke }: InvitationRowProps) {
  const { email, role, invitedBy, expiresAt, isExpired } = invitation;
  return (
    <Row columns={invitationColumns} className="min-h-[52px]" data-invitation={email}>
      <NameCell className="py-1.5">
        <span className="block truncate font-button">
          <UntrustedText text={email} />
        </span>
        <span className="block truncate text-meta text-ink-3">
          from <UntrustedText text={invitedBy} /> ·{' '}
          {isExpired ? (
            'expired'
          ) : (
            <>
              open until <LocalTime iso={expiresAt} />
            </>
          )}
        </span>
      </NameCell>
      <Td className="@max-[640px]:hidden">{roleName(role)}</Td>
      <Td className="@max-[640px]:hidden">
        <Chip tone={isExpired ? 'fails' : 'waiting'}>{isExpired ? 'expired' : 'waiting'}</Chip>
      </Td>
      <Td isFigure>
        {mayChange && (
          <span className="flex justify-end gap-1">
            <Button tone="quiet" className="px-2" onClick={onSend}>
              Send again<span className="sr-only"> to {email}</span>
            </Button>
            <Button tone="quiet" className="px-2" onClick={onRevoke}>
              Revoke<span className="sr-only"> the invitation of {email}</span>
            </Button>
          </span>
        )}
      </Td>
    </Row>
  );
}
