import type { Metadata } from 'next';
import { EndpointsPage } from '../../../../features/endpoints/endpoints-page.tsx';
import { readOverview } from '../../../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Endpoints' };

/** The first rows come with the page; from then on they come over the live stream. */
export default async function Endpoints({ params }: { params: Promise<{ account: string }> }) {
  const { account } = await params;
  const answer = await readOverview(account);
  return <EndpointsPage initial={answer.kind === 'ok' ? answer.value : null} />;
}
