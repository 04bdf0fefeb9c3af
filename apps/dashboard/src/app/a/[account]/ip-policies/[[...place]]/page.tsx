import type { Metadata } from 'next';
import { IpPoliciesPage } from '../../../../../features/ip-policies/ip-policies-page.tsx';

export const metadata: Metadata = { title: 'IP policies' };

export default function Page() {
  return <IpPoliciesPage />;
}
