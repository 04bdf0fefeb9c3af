import { CopyButton } from './copy-button.tsx';

/** A command to copy, shown whole. */
export function CommandLine({ command }: { command: string }) {
  return (
    <div className="inline-flex max-w-full items-center gap-2 rounded-button border border-line bg-sunken pl-3 pr-1.5">
      <code className="py-2 font-mono text-url whitespace-pre-wrap wrap-anywhere">{command}</code>
      <CopyButton text={command} label="Copy the command" />
    </div>
  );
}
