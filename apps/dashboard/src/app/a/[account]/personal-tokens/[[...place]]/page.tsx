import type { Metadata } from 'next';
import { PersonalTokensPage } from '../../../../../features/personal-tokens/personal-tokens-page.tsx';

export const metadata: Metadata = { title: 'Personal tokens' };

export default function Page() {
  return <PersonalTokensPage />;
}
