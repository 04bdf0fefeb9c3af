import { Lock } from 'lucide-react';
import { PageHead } from '../shell/page-head.tsx';

export function NotAnOperator() {
  return (
    <>
      <PageHead title="Operator console" />
      <main id="content" tabIndex={-1} className="min-h-0 flex-1 overflow-y-auto">
        <section className="mx-auto flex max-w-[420px] flex-col items-center px-4 py-16 text-center">
          <Lock size={24} strokeWidth={1.75} aria-hidden className="mb-5 text-ink-3" />
          <h2 className="text-prose font-section">The operator console is for those who run this installation</h2>
          <p className="mt-1 text-ink-2">
            Whoever made the installation is its operator. What belongs to your account is on the other pages.
          </p>
        </section>
      </main>
    </>
  );
}
