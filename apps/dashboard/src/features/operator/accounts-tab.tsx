'use client';

import type { AccountLine, AccountOverview, Plan } from '@portico/api-contract/operator';
import { Search } from 'lucide-react';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { type FormEvent, type ReactNode, useCallback, useEffect, useState } from 'react';
import { bytes, count, plural, text } from '../../lib/format.ts';
import { askDashboard } from '../../lib/rest/dashboard-client.ts';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { roleName } from '../../lib/roles.ts';
import { Button } from '../../ui/button.tsx';
import { Chip } from '../../ui/chip.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { LocalTime } from '../../ui/local-time.tsx';
import { Notice } from '../../ui/notice.tsx';
import { LineCell, NameCell, Row, TableBody, TableHead, TableSection, Td, Th } from '../../ui/table.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { Fact, Facts } from '../records/facts.tsx';
import { problemText } from '../records/form-view.tsx';
import { ListProblemStrip } from '../records/list-problem.tsx';
import { readAccount, readAccounts, readPlans } from './read-operator.ts';
import { asRest, useOperatorChange } from './use-operator.ts';

const columns = [
  'grid-cols-[minmax(0,1fr)_90px]',
  '@min-[640px]:grid-cols-[minmax(0,1fr)_120px_80px_90px_90px]',
  '@min-[960px]:grid-cols-[minmax(0,1fr)_140px_80px_80px_90px_110px_110px_100px]',
].join(' ');
const middle = '@max-[640px]:hidden';
const wide = '@max-[960px]:hidden';

/** Every account: found by name, id or the address of somebody in it. `id` is the one that is open. */
export function AccountsTab({ base, id }: { base: string; id: string | null }) {
  const router = useRouter();
  const [search, setSearch] = useState('');
  const [onlySuspended, setOnlySuspended] = useState(false);
  const { lines, next, problem, reload, loadMore } = useAccounts(search, onlySuspended);
  return (
    <>
      <ListProblemStrip problem={problem} hasItems={lines !== null} onRetry={reload} />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        <div className="flex flex-wrap items-center gap-3 px-6 py-3 max-sm:px-4">
          <SearchField onSearch={setSearch} />
          <label className="flex items-center gap-2 max-sm:min-h-11">
            <input
              type="checkbox"
              checked={onlySuspended}
              onChange={(event) => setOnlySuspended(event.target.checked)}
              className="size-[15px] accent-lapis max-sm:size-5"
            />
            Only suspended
          </label>
        </div>
        {lines !== null && lines.length === 0 && (
          <Notice title="No account matches" lit={0}>
            <p>Accounts are found by their name, their whole id, or the address of somebody in them.</p>
          </Notice>
        )}
        {lines !== null && lines.length > 0 && (
          <TableSection label="Accounts">
            <TableHead>
              <Row columns={columns}>
                <Th>Account</Th>
                <Th className={middle}>Plan</Th>
                <Th isFigure className={wide}>
                  People
                </Th>
                <Th isFigure className={middle}>
                  Agents
                </Th>
                <Th isFigure className={middle}>
                  Endpoints
                </Th>
                <Th isFigure>Requests</Th>
                <Th isFigure className={wide}>
                  Data
                </Th>
                <Th isFigure className={wide}>
                  Made
                </Th>
              </Row>
            </TableHead>
            <TableBody>
              {lines.map((account) => (
                <AccountRow key={account.id} account={account} base={base} />
              ))}
            </TableBody>
          </TableSection>
        )}
        <div className="flex items-center gap-3 px-6 py-4 text-meta text-ink-3 max-sm:px-4">
          {lines !== null && lines.length > 0 && <span>Requests and data are those of this month (UTC).</span>}
          {next !== null && (
            <Button tone="secondary" onClick={loadMore}>
              Show more
            </Button>
          )}
        </div>
      </main>
      {id !== null && <AccountDrawer id={id} onClose={() => router.push(base)} onChanged={reload} />}
    </>
  );
}

function SearchField({ onSearch }: { onSearch: (text: string) => void }) {
  const [value, setValue] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => onSearch(value.trim()), 250);
    return () => clearTimeout(timer);
  }, [value, onSearch]);
  return (
    <div className="relative w-[320px] max-w-full max-sm:w-full">
      <Search
        size={15}
        strokeWidth={1.75}
        aria-hidden
        className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-ink-3"
      />
      <input
        type="search"
        aria-label="Find an account"
        placeholder="Name, id or address"
        value={value}
        onChange={(event) => setValue(event.target.value)}
        className="h-[30px] w-full rounded-button border border-control bg-surface pr-2.5 pl-8 placeholder:text-ink-3 max-sm:h-11 max-sm:text-[16px]"
      />
    </div>
  );
}

function AccountRow({ account, base }: { account: AccountLine; base: string }) {
  const { id, name, plan, people, sessions, endpoints, month, suspension, createdAt } = account;
  return (
    <Row columns={columns} data-account={id} className="relative min-h-10 py-1.5 hover:bg-hover">
      <NameCell>
        <span className="flex items-center gap-2">
          <Link
            href={`${base}/${encodeURIComponent(id)}`}
            prefetch={false}
            className="min-w-0 truncate font-strong after:absolute after:inset-0"
          >
            <UntrustedText text={name} />
          </Link>
          {suspension && <Chip tone="fails">suspended</Chip>}
        </span>
      </NameCell>
      <Td className={middle}>
        <span className="block truncate">{plan}</span>
      </Td>
      <Td isFigure className={wide}>
        {text(count(people))}
      </Td>
      <Td isFigure className={middle}>
        {text(count(sessions))}
      </Td>
      <Td isFigure className={middle}>
        {text(count(endpoints))}
      </Td>
      <Td isFigure>{text(count(month.requests))}</Td>
      <Td isFigure className={wide}>
        {text(bytes(month.bytes))}
      </Td>
      <Td isFigure className={wide}>
        <LocalTime iso={createdAt} className="text-ink-2" />
      </Td>
      {suspension && (
        <LineCell>
          <p className="text-meta text-cinnabar wrap-anywhere">
            Since <LocalTime iso={suspension.since} className="figures" />: <UntrustedText text={suspension.reason} />
          </p>
        </LineCell>
      )}
    </Row>
  );
}

interface Accounts {
  readonly lines: readonly AccountLine[] | null;
  readonly next: string | null;
  readonly problem: Exclude<RestAnswer<never>, { kind: 'ok' }> | null;
  readonly reload: () => Promise<void>;
  readonly loadMore: () => Promise<void>;
}

function useAccounts(search: string, onlySuspended: boolean): Accounts {
  const [lines, setLines] = useState<readonly AccountLine[] | null>(null);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState<Accounts['problem']>(null);
  const query = `?search=${encodeURIComponent(search)}${onlySuspended ? '&suspended=true' : ''}`;
  const load = useCallback(
    async (after: string | null, signal?: AbortSignal) => {
      const path = `/operator/accounts${query}${after === null ? '' : `&after=${encodeURIComponent(after)}`}`;
      const answer = asRest(await askDashboard('GET', path, { read: readAccounts, ...(signal ? { signal } : {}) }));
      if (signal?.aborted) return;
      if (answer.kind !== 'ok') return setProblem(answer);
      setProblem(null);
      setNext(answer.value.next);
      setLines((had) => (after === null ? answer.value.accounts : [...(had ?? []), ...answer.value.accounts]));
    },
    [query],
  );
  useEffect(() => {
    const asking = new AbortController();
    void load(null, asking.signal);
    return () => asking.abort();
  }, [load]);
  return { lines, next, problem, reload: () => load(null), loadMore: () => load(next) };
}

interface DrawerProps {
  readonly id: string;
  readonly onClose: () => void;
  readonly onChanged: () => Promise<void>;
}

function AccountDrawer({ id, onClose, onChanged }: DrawerProps) {
  const { answer, value, reload } = useAnswer(`/operator/accounts/${encodeURIComponent(id)}`, readAccount);
  const plans = useAnswer('/operator/plans', readPlans).value?.plans ?? null;
  const problem = answer === null || answer.kind === 'ok' ? null : asRest(answer);
  return (
    <Dialog form="drawer" title={value ? <UntrustedText text={value.name} /> : 'Account'} onClose={onClose}>
      {problem !== null && problem.kind !== 'ok' && (
        <p role="alert" className="text-cinnabar">
          {problemText(problem).text}
        </p>
      )}
      {value && (
        <Account
          account={value}
          plans={plans}
          onChanged={async () => {
            await Promise.all([reload(), onChanged()]);
          }}
        />
      )}
    </Dialog>
  );
}

interface AccountProps {
  readonly account: AccountOverview;
  readonly plans: readonly Plan[] | null;
  readonly onChanged: () => Promise<void>;
}

function Account({ account, plans, onChanged }: AccountProps) {
  const { change, dialog } = useOperatorChange();
  const [isSuspending, setSuspending] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const { id, keeps, members, month, suspension, sessions, endpoints, isFirst } = account;
  const send = async (body: object): Promise<boolean> => {
    setBusy(true);
    const answer = await change(`/accounts/${encodeURIComponent(id)}`, body, readAccount);
    setBusy(false);
    setProblem(answer.kind === 'ok' ? null : problemText(answer).text);
    if (answer.kind === 'ok') await onChanged();
    return answer.kind === 'ok';
  };
  return (
    <div className="flex flex-col gap-6">
      {suspension && (
        <p className="rounded-button bg-cinnabar-soft px-3 py-2 text-cinnabar wrap-anywhere">
          Suspended by {suspension.by ?? 'somebody'}, <LocalTime iso={suspension.since} className="figures" />:{' '}
          <UntrustedText text={suspension.reason} />
        </p>
      )}
      <Facts>
        <Fact label="Plan">
          <PlanChoice account={account} plans={plans} isBusy={isBusy} onChoose={(plan) => void send({ plan })} />
        </Fact>
        <Fact label="Online now">
          {plural(sessions, 'agent', 'agents')}, {plural(endpoints, 'endpoint', 'endpoints')}
        </Fact>
        <Fact label="This month">
          {text(count(month.requests))} requests, {text(count(month.connections))} connections,{' '}
          {text(bytes(month.bytes))}
        </Fact>
        <Fact label="Keeps">
          {[
            plural(keeps.authtokens, 'authtoken', 'authtokens'),
            plural(keeps.apiKeys, 'API key', 'API keys'),
            plural(keeps.domains, 'domain', 'domains'),
            plural(keeps.addresses, 'TCP address', 'TCP addresses'),
            plural(keeps.cloudEndpoints, 'cloud endpoint', 'cloud endpoints'),
          ].join(', ')}
        </Fact>
        <Fact label="People">
          {members.length === 0 ? (
            'nobody'
          ) : (
            <ul>
              {members.map((person) => (
                <li key={person.id} className="wrap-anywhere">
                  <UntrustedText text={person.name || person.email} />{' '}
                  <span className="text-ink-3">
                    {person.name && person.email} {roleName(person.role)}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Fact>
        <Fact label="Made">
          <LocalTime iso={account.createdAt} />
        </Fact>
        <Fact label="Id">
          <code className="font-mono text-url">{id}</code>
        </Fact>
      </Facts>
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
      {isFirst ? (
        <p className="text-meta text-ink-3">
          This is the account of the installation itself: its operator is in it, and it is not suspended.
        </p>
      ) : suspension ? (
        <div>
          <Button tone="primary" disabled={isBusy} onClick={() => void send({ suspended: null })}>
            Bring it back
          </Button>
        </div>
      ) : (
        <div>
          <Button tone="quiet-danger" disabled={isBusy} onClick={() => setSuspending(true)}>
            Suspend this account…
          </Button>
        </div>
      )}
      {isSuspending && (
        <SuspendDialog
          account={account}
          onClose={() => setSuspending(false)}
          onSuspend={async (reason) => {
            if (await send({ suspended: { reason } })) setSuspending(false);
          }}
          isBusy={isBusy}
          problem={problem}
        />
      )}
      {dialog}
    </div>
  );
}

interface PlanChoiceProps {
  readonly account: AccountOverview;
  readonly plans: readonly Plan[] | null;
  readonly isBusy: boolean;
  readonly onChoose: (plan: string) => void;
}

function PlanChoice({ account, plans, isBusy, onChoose }: PlanChoiceProps): ReactNode {
  if (plans === null) return account.plan;
  const names = [...new Set([...plans.map((plan) => plan.id), account.plan])].sort();
  return (
    <select
      aria-label="Plan"
      value={account.plan}
      disabled={isBusy}
      onChange={(event) => onChoose(event.target.value)}
      className="h-[30px] rounded-button border border-control bg-surface px-2 max-sm:h-11"
    >
      {names.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

interface SuspendDialogProps {
  readonly account: AccountOverview;
  readonly isBusy: boolean;
  readonly problem: string | null;
  readonly onClose: () => void;
  readonly onSuspend: (reason: string) => Promise<void>;
}

/** Says what stops, asks why, and does it. */
function SuspendDialog({ account, isBusy, problem, onClose, onSuspend }: SuspendDialogProps) {
  const [reason, setReason] = useState('');
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!isBusy && reason.trim() !== '') void onSuspend(reason.trim());
  };
  return (
    <Dialog
      title={
        <>
          Suspend “<UntrustedText text={account.name} />
          ”?
        </>
      }
      onClose={onClose}
    >
      <form onSubmit={send} className="flex flex-col gap-4">
        <p className="text-ink-2">
          Within seconds {plural(account.sessions, 'agent is', 'agents are')} disconnected,{' '}
          {plural(account.endpoints, 'endpoint goes', 'endpoints go')} offline, and its cloud endpoints and API keys
          stop. Its people can still look. Nothing is lost: all of it works again when you bring it back.
        </p>
        <label className="flex flex-col gap-1.5">
          <span className="font-button">Why</span>
          <input
            name="reason"
            required
            maxLength={500}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            className="h-[30px] rounded-button border border-control bg-surface px-2.5 max-sm:h-11 max-sm:text-[16px]"
          />
          <span className="text-meta text-ink-3">Its people read it, and it stands in their audit log.</span>
        </label>
        <p role="alert" className="text-cinnabar empty:hidden">
          {problem}
        </p>
        <div className="flex justify-end gap-2">
          <Button tone="secondary" onClick={onClose}>
            Cancel
          </Button>
          <Button tone="danger" type="submit" aria-busy={isBusy} disabled={isBusy || reason.trim() === ''}>
            Suspend account
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
