import type { Metadata } from 'next';
import { OverviewPage } from '../../../../features/overview/overview-page.tsx';
import { readOverview } from '../../../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Overview' };

/** What is known comes with the page; from then on it comes over the live stream. */
export default async function Page({ params }: { params: Promise<{ account: string }> }) {
  const { account } = await params;
  const answer = await readOverview(account);
  return <OverviewPage initial={answer.kind === 'ok' ? answer.value : null} />;
}
