'use client';

import { usePathname } from 'next/navigation';
import { useAccount } from '../account/account-provider.tsx';
import { ContactStrip } from '../live/contact-strip.tsx';
import { Tabs } from '../records/tabs.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { AccountsTab } from './accounts-tab.tsx';
import { CertificatesTab } from './certificates-tab.tsx';
import { HealthTab } from './health-tab.tsx';
import { PlansTab } from './plans-tab.tsx';
import { StorageTab } from './storage-tab.tsx';

const parts = [
  { path: '', label: 'Health' },
  { path: 'accounts', label: 'Accounts' },
  { path: 'plans', label: 'Plans' },
  { path: 'certificates', label: 'Certificates' },
  { path: 'storage', label: 'Storage' },
] as const;

/** The whole installation, for those who run it. */
export function OperatorPage() {
  const path = usePathname();
  const { accountId } = useAccount();
  const base = `/a/${encodeURIComponent(accountId)}/operator`;
  const [here = '', id = null] = path.slice(base.length + 1).split('/');
  const tabs = parts.map(({ path: part, label }) => ({
    label,
    href: part === '' ? base : `${base}/${part}`,
    isHere: part === here,
  }));
  return (
    <>
      <PageHead title="Operator console" />
      {/* The ochre line says that this is not one account any more. */}
      <div aria-hidden className="border-t border-s4" />
      <ContactStrip />
      <Tabs label="Parts of the console" tabs={tabs} />
      {here === 'accounts' ? (
        <AccountsTab base={`${base}/accounts`} id={id === null ? null : decodeURIComponent(id)} />
      ) : here === 'plans' ? (
        <PlansTab />
      ) : here === 'certificates' ? (
        <CertificatesTab base={base} />
      ) : here === 'storage' ? (
        <StorageTab />
      ) : (
        <HealthTab />
      )}
    </>
  );
}
