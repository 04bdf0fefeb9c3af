import type { Mailbox } from '@portico/api-contract/identity';
import { LocalTime } from '../../ui/local-time.tsx';
import { Mark, Wordmark } from '../../ui/mark.tsx';
import { Notice } from '../../ui/notice.tsx';
import { UntrustedText } from '../../ui/untrusted-text.tsx';

/** What would have been mailed, for the operator. Links in it work. */
export function MailboxPage({ mails }: Mailbox) {
  return (
    <div className="flex min-h-dvh flex-col bg-surface">
      <header className="flex h-[52px] shrink-0 items-center gap-3 border-b border-line px-6 max-sm:h-14 max-sm:px-4">
        <Mark />
        <Wordmark className="mt-[5px] max-sm:hidden" />
        <h1 className="text-title">Mailbox</h1>
        <p className="ml-auto text-meta text-ink-3">
          <a href="/mailbox" className="text-lapis underline underline-offset-2">
            Look again
          </a>
        </p>
      </header>
      <main className="mx-auto w-full max-w-[760px] px-6 py-6 max-sm:px-4">
        <p className="mb-6 text-ink-2">
          No mail server is set, so mail stays here: the newest hundred, in memory, for you as the operator, on this
          machine only. To send it, set <code className="font-mono text-url">PORTICO_SMTP_URL</code>.
        </p>
        {mails.length === 0 && (
          <Notice title="No mail yet" lit={0}>
            <p>Invite somebody, or ask for a new password.</p>
          </Notice>
        )}
        <ol className="flex flex-col gap-4">
          {mails.map((mail) => (
            <li key={mail.id} className="rounded-panel border border-line">
              <div className="flex flex-wrap items-baseline gap-x-3 border-b border-line bg-sunken px-4 py-2">
                <h2 className="font-section">
                  <UntrustedText text={mail.subject} />
                </h2>
                <p className="text-meta text-ink-2">to {mail.to}</p>
                <LocalTime iso={mail.at} className="ml-auto text-meta text-ink-3" />
              </div>
              <p className="px-4 py-3 font-mono text-url whitespace-pre-wrap wrap-anywhere">
                <Linked text={mail.text} />
              </p>
            </li>
          ))}
        </ol>
      </main>
    </div>
  );
}

/** The text with the addresses in it as links; it was written by this server. */
function Linked({ text }: { text: string }) {
  return text.split(/(https?:\/\/\S+)/).map((part, index) =>
    /^https?:\/\//.test(part) ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: the parts never move
      <a key={index} href={part} className="text-lapis underline underline-offset-2">
        {part}
      </a>
    ) : (
      part
    ),
  );
}
