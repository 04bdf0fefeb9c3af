'use client';

import { useAccount } from '../account/account-provider.tsx';
import { PageHead } from '../shell/page-head.tsx';
import { AccountSection } from './account-section.tsx';
import { SettingsSections } from './settings-sections.tsx';

/** Settings inside of an account: those of the account for who may change them, then the person's own. */
export function AccountSettingsPage() {
  const { csrfToken, may } = useAccount();
  return (
    <>
      <PageHead title="Settings" />
      <main id="content" className="min-h-0 flex-1 overflow-y-auto scroll-smooth motion-reduce:scroll-auto">
        <SettingsSections csrfToken={csrfToken} account={may('account.manage') ? <AccountSection /> : undefined} />
      </main>
    </>
  );
}
