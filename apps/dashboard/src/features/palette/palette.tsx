'use client';

import { Command } from 'cmdk';
import {
  Copy,
  CornerDownLeft,
  ExternalLink,
  Globe,
  KeyRound,
  Laptop,
  ListTree,
  LogOut,
  type LucideIcon,
  Monitor,
  Moon,
  RadioTower,
  Search,
  Sun,
  UserPlus,
  Users,
  Waypoints,
} from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useEffect, useRef, useState } from 'react';
import { copyText } from '../../lib/copy-text.ts';
import { askDashboard, nothing } from '../../lib/rest/dashboard-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { field, list, object, text } from '../../lib/shape.ts';
import { visibleText } from '../../lib/visible-text.ts';
import { Kbd } from '../../ui/kbd.tsx';
import { chooseTheme } from '../../ui/theme-switch.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { useLive } from '../live/live-provider.tsx';
import { isOpen } from '../shell/navigation.tsx';
import { pageGroups } from '../shell/pages.ts';
import { pastedThing } from './pasted.ts';

interface Entry {
  /** Told apart by it; never shown. */
  readonly id: string;
  readonly label: string;
  /** Said at the right: what it is part of. */
  readonly part: string;
  readonly words?: readonly string[];
  readonly Icon: LucideIcon;
  readonly run: () => void | Promise<void>;
}

const endpointsMax = 200;
const readAccounts = field('accounts', list(object({ id: text, name: text })));

/** One field that goes to pages and objects, does things, and takes what people paste. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const router = useRouter();
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState('');
  const { accountId, may, isOperator, mayChange, csrfToken } = useAccount();
  const { overview } = useLive();
  const accounts = useAnswer('/session', readAccounts).value ?? [];
  useEffect(() => {
    const shown = dialog.current;
    if (shown && !shown.open) shown.showModal();
    shown?.querySelector('input')?.focus();
  }, []);

  const base = `/a/${encodeURIComponent(accountId)}`;
  const go = (page: string) => () => {
    onClose();
    router.push(`${base}/${page}`);
  };
  const endpoints = overview?.value.endpoints.slice(0, endpointsMax) ?? [];
  const pasted = pastedThing(typed, endpoints);

  const pages = pageGroups.flatMap((group) =>
    group.pages
      .filter((page) => isOpen(page, may, isOperator))
      .map(({ label, path, Icon }): Entry => ({ id: path, label, part: group.name, Icon, run: go(path) })),
  );
  const actions: Entry[] = [
    ...(mayChange
      ? [
          { id: 'tunnel', label: 'Open a tunnel…', part: 'Getting started', Icon: Waypoints, run: go('start') },
          { id: 'token', label: 'Make an authtoken…', part: 'Authtokens', Icon: KeyRound, run: go('authtokens/new') },
          { id: 'revoke', label: 'Revoke an authtoken…', part: 'Authtokens', Icon: KeyRound, run: go('authtokens') },
          { id: 'domain', label: 'Add a domain…', part: 'Domains', Icon: Globe, run: go('domains/new') },
          {
            id: 'address',
            label: 'Reserve a TCP address…',
            part: 'TCP addresses',
            Icon: RadioTower,
            run: go('tcp-addresses/new'),
          },
          {
            id: 'policy',
            label: 'Write a policy…',
            part: 'Policy',
            words: ['cloud endpoint'],
            Icon: ListTree,
            run: go('policy'),
          },
        ]
      : []),
    ...(may('team.invite')
      ? [{ id: 'invite', label: 'Invite somebody…', part: 'Team', Icon: UserPlus, run: go('team') }]
      : []),
    {
      id: 'failed',
      label: 'Show failed requests',
      part: 'Inspector',
      words: ['5xx', 'errors'],
      Icon: Search,
      run: go('inspector?q=status%3A5xx'),
    },
    ...(['system', 'light', 'dark'] as const).map(
      (theme): Entry => ({
        id: `theme-${theme}`,
        label: `Theme: ${theme}`,
        part: 'You',
        Icon: { system: Monitor, light: Sun, dark: Moon }[theme],
        run: () => {
          chooseTheme(theme);
          onClose();
        },
      }),
    ),
    {
      id: 'settings',
      label: 'Your settings',
      part: 'You',
      words: ['password', 'passkey', 'codes', 'sessions'],
      Icon: Users,
      run: go('settings'),
    },
    {
      id: 'sign-out',
      label: 'Sign out',
      part: 'You',
      Icon: LogOut,
      run: async () => {
        await askDashboard('DELETE', '/session', { csrf: csrfToken, read: nothing });
        location.assign('/sign-in');
      },
    },
    ...accounts
      .filter(({ id }) => id !== accountId)
      .map(
        ({ id, name }): Entry => ({
          id: `account-${id}`,
          label: `Go to ${visibleText(name)}`,
          part: 'Accounts',
          Icon: Users,
          run: () => {
            onClose();
            router.push(`/a/${encodeURIComponent(id)}/overview`);
          },
        }),
      ),
  ];
  const things = endpoints.flatMap((endpoint): Entry[] => {
    const url = visibleText(endpoint.url);
    const words = [endpoint.name, endpoint.metadata, endpoint.forwardsTo].filter((word) => word !== '');
    const host = URL.parse(endpoint.url)?.hostname ?? '';
    return [
      {
        id: `look-${endpoint.id}`,
        label: url,
        part: 'Inspect',
        words,
        Icon: Waypoints,
        run: go(`inspector?q=${encodeURIComponent(`endpoint:${host}`)}`),
      },
      {
        id: `copy-${endpoint.id}`,
        label: `Copy ${url}`,
        part: 'Endpoint',
        words,
        Icon: Copy,
        run: async () => {
          await copyText(endpoint.url);
          onClose();
        },
      },
      ...(/^https?:/.test(endpoint.url)
        ? [
            {
              id: `open-${endpoint.id}`,
              label: `Open ${url}`,
              part: 'Endpoint',
              words,
              Icon: ExternalLink,
              run: () => {
                window.open(endpoint.url, '_blank', 'noopener,noreferrer');
                onClose();
              },
            },
          ]
        : []),
    ];
  });
  const agents = (overview?.value.sessions ?? []).slice(0, endpointsMax).map(
    (session): Entry => ({
      id: session.id,
      label: visibleText(session.agentName),
      part: 'Agent',
      words: [session.ip, session.metadata].filter((word) => word !== ''),
      Icon: Laptop,
      run: go(`agents/${encodeURIComponent(session.id)}`),
    }),
  );

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes a modal dialog by itself
    <dialog
      ref={dialog}
      aria-label="Find or do"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
      className="mx-auto mt-[12dvh] mb-auto w-[600px] max-w-[calc(100vw-32px)] overflow-hidden rounded-dialog border border-line-strong bg-raised p-0 text-ink shadow-floating max-sm:mt-4"
    >
      <Command label="Find or do" loop>
        <div className="flex items-center gap-2.5 border-b border-line px-4">
          <Search size={16} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-3" />
          <Command.Input
            value={typed}
            onValueChange={setTyped}
            placeholder="A page, an endpoint, something to do"
            className="h-12 w-full bg-transparent text-prose outline-none placeholder:text-ink-3 max-sm:text-[16px]"
          />
        </div>
        <Command.List className="max-h-[min(420px,60dvh)] overflow-y-auto p-1.5" label="Suggestions">
          <Command.Empty className="px-3 py-6 text-center text-ink-2">Nothing is called that.</Command.Empty>
          {pasted && (
            <Group
              title="What you pasted"
              entries={[
                {
                  // The typed text is part of the value, or the list would filter it out.
                  id: `pasted ${typed.trim()}`,
                  label: pasted.label,
                  part: 'Inspector',
                  Icon: CornerDownLeft,
                  run: go(pasted.page),
                },
              ]}
            />
          )}
          <Group title="Pages" entries={pages} />
          <Group title="Do" entries={actions} />
          {typed.trim() !== '' && <Group title="Endpoints" entries={things} />}
          {typed.trim() !== '' && <Group title="Agents" entries={agents} />}
        </Command.List>
        <div className="flex items-center gap-3 border-t border-line px-4 py-2 text-meta text-ink-2 max-sm:hidden">
          <span className="inline-flex items-center gap-1">
            <Kbd>↑</Kbd>
            <Kbd>↓</Kbd> choose
          </span>
          <span className="inline-flex items-center gap-1">
            <Kbd>↵</Kbd> do
          </span>
          <span className="inline-flex items-center gap-1">
            <Kbd>Esc</Kbd> close
          </span>
          <span className="ml-auto text-ink-3">Paste a URL, a request id or an error code</span>
        </div>
      </Command>
    </dialog>
  );
}

function Group({ title, entries }: { title: string; entries: readonly Entry[] }) {
  if (entries.length === 0) return null;
  return (
    <Command.Group
      heading={title}
      className="[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-meta [&_[cmdk-group-heading]]:text-ink-3"
    >
      {entries.map(({ id, label, part, words, Icon, run }) => (
        <Command.Item
          key={id}
          value={`${label} ${id}`}
          keywords={[part, ...(words ?? [])]}
          onSelect={() => void run()}
          className="flex h-[34px] cursor-pointer items-center gap-2.5 rounded-button px-2.5 data-[selected=true]:bg-hover max-sm:h-11"
        >
          <Icon size={15} strokeWidth={1.75} aria-hidden className="shrink-0 text-ink-2" />
          <bdi className="min-w-0 truncate">{label}</bdi>
          <span className="ml-auto shrink-0 text-meta text-ink-3">{part}</span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}
