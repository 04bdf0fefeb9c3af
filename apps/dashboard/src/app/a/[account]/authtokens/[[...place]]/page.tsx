import type { Metadata } from 'next';
import { AuthtokensPage } from '../../../../../features/authtokens/authtokens-page.tsx';

export const metadata: Metadata = { title: 'Authtokens' };

export default function Page() {
  return <AuthtokensPage />;
}
