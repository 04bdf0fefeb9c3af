import type { Metadata } from 'next';
import { redirect } from 'next/navigation';
import { NoContact } from '../../features/session/no-contact.tsx';
import { SettingsSections } from '../../features/settings/settings-sections.tsx';
import { signInPath } from '../../lib/own-path.ts';
import { readSession } from '../../lib/server/api.ts';
import { Mark, Wordmark } from '../../ui/mark.tsx';

export const metadata: Metadata = { title: 'Settings' };

/** A person's own settings without an account around them: where mails lead, and for who cannot open any account yet. */
export default async function SettingsPage() {
  const session = await readSession();
  if (session.kind === 'no-contact') return <NoContact />;
  if (session.kind !== 'ok') redirect(signInPath('/settings'));
  return (
    <div className="min-h-dvh bg-surface">
      <header className="flex h-[52px] items-center gap-3 border-b border-line px-6 max-sm:h-14 max-sm:px-4">
        <Mark />
        <Wordmark className="mt-[5px] max-sm:hidden" />
        <h1 className="text-title">Settings</h1>
        <a href="/" className="ml-auto text-lapis underline underline-offset-2">
          To the dashboard
        </a>
      </header>
      <main id="content">
        <SettingsSections csrfToken={session.value.csrfToken} />
      </main>
    </div>
  );
}
