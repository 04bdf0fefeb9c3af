import type { Metadata } from 'next';
import { VaultsPage } from '../../../../../features/vaults/vaults-page.tsx';

export const metadata: Metadata = { title: 'Vaults' };

export default function Page() {
  return <VaultsPage />;
}
