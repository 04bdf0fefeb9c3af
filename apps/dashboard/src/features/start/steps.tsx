'use client';

import { recipes } from '@portico/recipes';
import { Check, KeyRound } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { field, text } from '../../lib/shape.ts';
import { Button } from '../../ui/button.tsx';
import { CommandLine } from '../../ui/command-line.tsx';
import { CopyButton } from '../../ui/copy-button.tsx';
import { join } from '../../ui/join.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';
import { useAccount } from '../account/account-provider.tsx';
import { CaFile, type ConnectFacts, RecipeLines, serverCommand, TOKEN } from '../connect/recipe-lines.tsx';
import { problemText } from '../records/form-view.tsx';
import { masked, type Progress } from './first-tunnel.ts';

export interface StepsProps {
  /** `command`, or the language of a recipe. */
  readonly way: string;
  readonly connect: ConnectFacts;
  readonly progress: Progress;
}

/** Three steps, each ticked when the server has seen it happen. */
export function Steps({ way, connect, progress }: StepsProps) {
  const { rest, mayChange } = useAccount();
  const [token, setToken] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const recipe = recipes.find(({ language }) => language === way);
  const { agent, tunnel } = progress;
  const seen = agent !== null || tunnel.kind === 'live';

  const make = async () => {
    setBusy(true);
    const answer = await rest.create('/credentials', { description: 'Getting started' }, field('token', text));
    setBusy(false);
    setProblem(answer.kind === 'ok' ? null : problemText(answer).text);
    if (answer.kind === 'ok') setToken(answer.value);
  };
  const shown = token === null ? TOKEN : masked(token);
  const whole = token ?? TOKEN;

  const tokenPart = (
    <div className="flex flex-col items-start gap-1.5">
      {token === null ? (
        mayChange ? (
          <>
            <Button tone="secondary" onClick={make} aria-busy={isBusy} disabled={isBusy}>
              <KeyRound size={15} strokeWidth={1.75} aria-hidden />
              Make an authtoken
            </Button>
            <p className="text-meta text-ink-3">
              It says who you are, and is filled in here. Or put one that you have in the place of {TOKEN}.
            </p>
          </>
        ) : (
          <p className="text-meta text-ink-3">
            Your role may not make authtokens: ask for one, and put it in the place of {TOKEN}.
          </p>
        )
      ) : (
        <p className="text-meta text-ink-2" role="status">
          Your authtoken is filled in and copied whole. It is shown nowhere again: when you leave this page, make
          another.
        </p>
      )}
      <p role="alert" className="text-cinnabar empty:hidden">
        {problem}
      </p>
    </div>
  );

  return (
    <ol className="mt-4">
      {recipe === undefined ? (
        <>
          <Step
            title="Get the command"
            isDone={seen}
            note={agent && `Agent ${agent.agentVersion} seen on ${agent.agentName}`}
          >
            <p className="text-ink-2">
              On this server’s own machine it is <code className="font-mono text-url">./portico</code> in its folder.
              For another machine, ask whoever runs this server for <code className="font-mono text-url">portico</code>.
            </p>
          </Step>
          <Step title="Tell it where your server is, and who you are" isDone={seen}>
            <CommandLine command={serverCommand(connect)} />
            <SecretLine
              shown={`portico config add-authtoken ${shown}`}
              whole={`portico config add-authtoken ${whole}`}
            />
            {tokenPart}
          </Step>
          <Step title="Open a tunnel" isDone={tunnel.kind === 'live'}>
            <CommandLine command="portico http 3000" />
            <p className="text-meta text-ink-3">
              Use the port that your app listens on. With <code className="font-mono">--subdomain NAME</code> it gets a
              name of your choice, without it a random one.
            </p>
          </Step>
        </>
      ) : (
        <>
          <Step title="Add the official SDK" isDone={seen}>
            <CommandLine command={recipe.install} />
          </Step>
          <Step title="Have the certificate and an authtoken at hand" isDone={seen}>
            <CaFile caPem={connect.caPem} />
            {tokenPart}
          </Step>
          <Step
            title="Open a tunnel from your program"
            isDone={tunnel.kind === 'live'}
            note={agent && `Agent ${agent.agentVersion} seen on ${agent.agentName}`}
          >
            <RecipeLines recipe={recipe} connect={connect} token={{ whole, shown }} />
          </Step>
        </>
      )}
    </ol>
  );
}

interface StepProps {
  readonly title: string;
  readonly isDone: boolean;
  readonly note?: string | null | undefined;
  readonly children: ReactNode;
}

function Step({ title, isDone, note, children }: StepProps) {
  return (
    <li data-done={isDone} className="grid grid-cols-[24px_minmax(0,1fr)] gap-x-4 pb-5">
      <span className="flex flex-col items-center gap-1.5">
        <span
          className={join(
            'flex size-[22px] items-center justify-center rounded-chip',
            isDone ? 'bg-verdigris-soft text-verdigris' : 'border border-control',
          )}
        >
          {isDone && <Check size={14} strokeWidth={2} aria-hidden />}
          <span className="sr-only">{isDone ? 'Done:' : 'To do:'}</span>
        </span>
        <span aria-hidden className={join('w-0.5 flex-1', isDone ? 'bg-s2' : 'bg-line')} />
      </span>
      <div className="flex min-w-0 flex-col items-start gap-2.5">
        <div className="flex w-full flex-wrap items-baseline justify-between gap-x-3">
          <h3 className="text-prose font-section">{title}</h3>
          {note && (
            <span className="text-meta text-verdigris wrap-anywhere">
              <UntrustedText text={note} />
            </span>
          )}
        </div>
        {children}
      </div>
    </li>
  );
}

/** A command with a secret in it: masked on the screen, copied whole. */
function SecretLine({ shown, whole }: { shown: string; whole: string }) {
  return (
    <div className="inline-flex max-w-full items-center gap-2 rounded-button border border-line bg-sunken pr-1.5 pl-3">
      <code data-secret-line className="py-2 font-mono text-url whitespace-pre-wrap wrap-anywhere">
        {shown}
      </code>
      <CopyButton text={whole} label="Copy the command" />
    </div>
  );
}

/** What helps when it does not work, and who comes from elsewhere. */
export function Aside() {
  return (
    <div className="mt-2 grid border-t-2 border-ink pt-3 sm:grid-cols-2 [&>*]:border-line sm:[&>*+*]:border-l sm:[&>*+*]:pl-5">
      <section aria-labelledby="in-the-way" className="flex flex-col items-start gap-2 pb-4 sm:pr-5">
        <h3 id="in-the-way" className="font-section">
          Something in the way?
        </h3>
        <p className="text-ink-2">
          It tries DNS, the proxy, TLS and the protocol in turn, and names the step that fails.
        </p>
        <CommandLine command="portico diagnose" />
      </section>
      <section aria-labelledby="from-ngrok" className="flex flex-col items-start gap-2 pb-4">
        <h3 id="from-ngrok" className="font-section">
          Coming from ngrok?
        </h3>
        <p className="text-ink-2">Your configuration file, scripts and SDKs work. Only the address changes.</p>
        <CommandLine command="portico config upgrade --relocate" />
      </section>
    </div>
  );
}
