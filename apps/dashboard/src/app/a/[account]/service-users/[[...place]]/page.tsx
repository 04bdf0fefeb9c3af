import type { Metadata } from 'next';
import { ServiceUsersPage } from '../../../../../features/service-users/service-users-page.tsx';

export const metadata: Metadata = { title: 'Service users' };

export default function Page() {
  return <ServiceUsersPage />;
}
