'use client';

import { type Recipe, recipes } from '@portico/recipes';
import Link from 'next/link';
import { type ReactNode, useState } from 'react';
import { CommandLine } from '../../ui/command-line.tsx';
import { join } from '../../ui/join.ts';
import { Notice } from '../../ui/notice.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { EndpointRows } from '../endpoints/endpoints-loading.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { useLive } from '../live/live-provider.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { CaFile, type ConnectFacts, RecipeLines, serverCommand, TOKEN } from './recipe-lines.tsx';

/** How programs get in: the commands for a machine, and a few lines for each official SDK, filled in. */
export function ConnectPage() {
  const live = useLive();
  const overview = live.overview?.value ?? null;
  return (
    <>
      <PageHead title="Connect" />
      <ContactStrip />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto px-6 max-sm:px-4">
        {overview === null && <EndpointRows />}
        {overview !== null && overview.connect === null && (
          <Notice title="No edge is running" lit={0}>
            <p>Where programs dial in is known once an edge has started.</p>
          </Notice>
        )}
        {overview !== null && overview.connect !== null && <Ways connect={overview.connect} />}
      </main>
    </>
  );
}

function Ways({ connect }: { connect: ConnectFacts }) {
  const { accountId } = useAccount();
  const authtokens = `/a/${encodeURIComponent(accountId)}/authtokens`;
  return (
    <div className="max-w-[760px]">
      <Part id="command" title="From a terminal">
        <p className="text-ink-2">
          Once on each machine: where this server is, the certificate it must show, and who you are.
        </p>
        <CommandLine command={serverCommand(connect)} />
        <CommandLine command={`portico config add-authtoken ${TOKEN}`} />
        <p className="text-ink-2">Then any port, for example that of a web app.</p>
        <CommandLine command="portico http 3000" />
      </Part>
      <Part id="program" title="From a program">
        <p className="text-ink-2">
          The official ngrok SDKs work here as they are. Two options more than usual, the address and the certificate,
          send them here.
        </p>
        <CaFile caPem={connect.caPem} />
        <Recipes connect={connect} />
        <p className="text-ink-2">
          In the place of <code className="font-mono text-url">{TOKEN}</code> goes an authtoken of this account.{' '}
          <Link href={authtokens} prefetch={false} className="text-lapis underline">
            Make one
          </Link>{' '}
          for each program, so that it can be revoked alone.
        </p>
      </Part>
    </div>
  );
}

function Part({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <section aria-labelledby={`${id}-title`} className="border-b border-line py-6 last:border-b-0">
      <h2 id={`${id}-title`} className="mb-3 text-prose font-section">
        {title}
      </h2>
      <div className="flex flex-col items-start gap-3">{children}</div>
    </section>
  );
}

function Recipes({ connect }: { connect: ConnectFacts }) {
  const [language, setLanguage] = useState(recipes[0]?.language);
  const recipe: Recipe | undefined = recipes.find((each) => each.language === language);
  if (recipe === undefined) return null;
  return (
    <>
      <fieldset className="flex flex-wrap rounded-button border border-line-strong bg-raised">
        <legend className="sr-only">Language</legend>
        {recipes.map((each) => (
          <label
            key={each.language}
            className={join(
              'flex h-7 cursor-pointer items-center px-3 first-of-type:rounded-l-button last-of-type:rounded-r-button has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-lapis max-sm:h-11 max-sm:px-2.5',
              each === recipe ? 'bg-hover font-strong text-ink' : 'text-ink-2 hover:text-ink',
            )}
          >
            <input
              type="radio"
              name="language"
              value={each.language}
              checked={each === recipe}
              onChange={() => setLanguage(each.language)}
              className="sr-only"
            />
            {each.title}
          </label>
        ))}
      </fieldset>
      <CommandLine command={recipe.install} />
      <RecipeLines recipe={recipe} connect={connect} />
    </>
  );
}
