import type { Metadata } from 'next';
import { StartPage } from '../../../../features/start/start-page.tsx';
import { readOverview } from '../../../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Getting started' };

/** What is known comes with the page; from then on it comes over the live stream. */
export default async function Start({ params }: { params: Promise<{ account: string }> }) {
  const { account } = await params;
  const answer = await readOverview(account);
  return <StartPage initial={answer.kind === 'ok' ? answer.value : null} />;
}
