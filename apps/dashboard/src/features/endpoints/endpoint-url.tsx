import { visibleText } from '../../lib/visible-text.ts';
import { UntrustedText } from '../../ui/untrusted-text.tsx';

/** The address with its scheme set back, as a link when a browser can open it. `https://` goes below 640. */
export function EndpointUrl({ url }: { url: string }) {
  const [, scheme = '', rest = url] = /^([a-z]+:\/\/)(.*)$/s.exec(url) ?? [];
  const parts = (
    <>
      <span className={scheme === 'https://' ? 'font-regular text-ink-3 max-sm:hidden' : 'font-regular text-ink-3'}>
        {scheme}
      </span>
      <UntrustedText text={rest} />
    </>
  );
  const look = 'min-w-0 truncate font-mono text-url font-strong';
  const canOpen = (scheme === 'https://' || scheme === 'http://') && URL.canParse(url) && !rest.includes('*');
  if (!canOpen)
    return (
      <span className={look} title={visibleText(url)}>
        {parts}
      </span>
    );
  return (
    <a
      href={url}
      target="_blank"
      rel="noopener noreferrer"
      title={visibleText(url)}
      className={`${look} rounded-chip hover:underline hover:underline-offset-2`}
    >
      {parts}
    </a>
  );
}
