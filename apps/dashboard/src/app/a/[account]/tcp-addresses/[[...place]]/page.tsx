import type { Metadata } from 'next';
import { TcpAddressesPage } from '../../../../../features/tcp-addresses/tcp-addresses-page.tsx';

export const metadata: Metadata = { title: 'TCP addresses' };

export default function Page() {
  return <TcpAddressesPage />;
}
