import type { Metadata } from 'next';
import { NotAnOperator } from '../../../../../features/operator/not-an-operator.tsx';
import { OperatorPage } from '../../../../../features/operator/operator-page.tsx';
import { readSession } from '../../../../../lib/server/api.ts';

export const metadata: Metadata = { title: 'Operator console' };

/** For those who run the installation. The API asks again, for each thing that the page shows. */
export default async function Page() {
  const session = await readSession();
  return session.kind === 'ok' && session.value.user.isOperator ? <OperatorPage /> : <NotAnOperator />;
}
