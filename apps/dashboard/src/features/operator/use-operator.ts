'use client';

import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { DashboardAnswer } from '../../lib/rest/dashboard-client.ts';
import { askDashboard } from '../../lib/rest/dashboard-client.ts';
import type { RestAnswer } from '../../lib/rest/rest-client.ts';
import { useAnswer } from '../../lib/rest/use-answer.ts';
import { field, list, object, type Reader, text } from '../../lib/shape.ts';
import { useAccount } from '../account/account-provider.tsx';
import { type RunConfirmed, useConfirmed } from '../settings/use-confirmed.tsx';

const lookEveryMs = 5000;

export interface Polled<T> {
  readonly value: T | null;
  /** Why the value may be old, or is not there. */
  readonly problem: Exclude<RestAnswer<never>, { kind: 'ok' }> | null;
  readonly reload: () => Promise<void>;
}

/** What an operator's route says, asked again every 5 s while someone looks. */
export function usePolled<T>(path: string, read: Reader<T>): Polled<T> {
  const { answer, value, reload } = useAnswer(`/operator${path}`, read);
  useEffect(() => {
    const timer = setInterval(() => document.visibilityState === 'visible' && void reload(), lookEveryMs);
    return () => clearInterval(timer);
  }, [reload]);
  const rest = answer === null ? null : asRest(answer);
  return { value, problem: rest === null || rest.kind === 'ok' ? null : rest, reload };
}

/** A rate out of a total that is asked for again and again: per second, between the last two answers. */
export function useRates(totals: ReadonlyMap<string, number>, at: string | null): ReadonlyMap<string, number> {
  const last = useRef<{ readonly atMs: number; readonly totals: ReadonlyMap<string, number> } | null>(null);
  const [rates, setRates] = useState<ReadonlyMap<string, number>>(new Map());
  // biome-ignore lint/correctness/useExhaustiveDependencies: totals are others when `at` is
  useEffect(() => {
    if (at === null) return;
    const atMs = Date.parse(at);
    const before = last.current;
    last.current = { atMs, totals };
    if (before === null || atMs <= before.atMs) return;
    const seconds = (atMs - before.atMs) / 1000;
    const next = [...totals].flatMap(([id, total]): [string, number][] => {
      const had = before.totals.get(id);
      return had === undefined || total < had ? [] : [[id, (total - had) / seconds]];
    });
    setRates(new Map(next));
  }, [at]);
  return rates;
}

/** The answer in the form that forms and strips of the other pages take. */
export function asRest<T>(answer: DashboardAnswer<T>): RestAnswer<T> {
  switch (answer.kind) {
    case 'ok':
      return { kind: 'ok', value: answer.value };
    case 'refused': {
      const { status, code, message } = answer.refusal;
      if (status === 401) return { kind: 'signed-out' };
      return { kind: 'refused', status, code: code === null ? null : `ERR_NGROK_${code}`, message };
    }
    case 'offline':
    case 'no-contact':
      return { kind: 'no-contact' };
  }
}

const readMeans = object({
  hasPassword: (value: unknown) => value === true,
  passkeys: list(field('id', text)),
});

/** Changes of operators want a fresh proof of who they are: the runner, and the dialog that asks for it. */
export function useOperatorChange(): {
  readonly change: <T>(path: string, body: unknown, read: Reader<T>) => Promise<RestAnswer<T>>;
  readonly dialog: ReactNode;
} {
  const { csrfToken } = useAccount();
  const means = useAnswer('/security', readMeans).value;
  const { run, dialog }: { run: RunConfirmed; dialog: ReactNode } = useConfirmed({
    csrfToken,
    hasPassword: means?.hasPassword ?? true,
    hasPasskeys: (means?.passkeys.length ?? 0) > 0,
  });
  return {
    change: async (path, body, read) =>
      asRest(await run(() => askDashboard('PATCH', `/operator${path}`, { body, csrf: csrfToken, read }))),
    dialog,
  };
}
