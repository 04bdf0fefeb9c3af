'use client';

import type { Overview } from '@portico/api-contract/dashboard';
import { X } from 'lucide-react';
import type { Ref } from 'react';
import { CommandLine } from '../../ui/command-line.tsx';

/** The commands that put a local port online, filled in with this server's address. */
export function OpenTunnelDialog({ ref, connect }: { ref: Ref<HTMLDialogElement>; connect: Overview['connect'] }) {
  return (
    <dialog
      ref={ref}
      aria-labelledby="open-tunnel-title"
      className="m-auto w-[560px] max-w-[calc(100vw-32px)] rounded-dialog border border-line-strong bg-raised p-0 text-ink shadow-floating"
    >
      <div className="flex flex-col gap-4 p-6 max-sm:p-4">
        <div className="flex items-start justify-between gap-4">
          <h2 id="open-tunnel-title" className="text-title">
            Open a tunnel
          </h2>
          <form method="dialog">
            <button
              type="submit"
              className="-mt-0.5 -mr-1.5 inline-flex size-[30px] items-center justify-center rounded-button text-ink-3 hover:bg-hover hover:text-ink max-sm:size-11"
            >
              <X size={16} strokeWidth={1.75} aria-hidden />
              <span className="sr-only">Close</span>
            </button>
          </form>
        </div>
        {connect && (
          <div className="flex flex-col items-start gap-2">
            <p className="text-ink-2">Once on each machine: where this server is, and the certificate it must show.</p>
            <CommandLine
              command={`portico config add-connect-url ${connect.address} --ca-sha256 ${connect.caSha256}`}
            />
            <CommandLine command="portico config add-authtoken TOKEN" />
            <p className="text-meta text-ink-3">
              TOKEN is an authtoken of this account. The terminal in which Portico started shows the first one.
            </p>
          </div>
        )}
        <div className="flex flex-col items-start gap-2">
          <p className="text-ink-2">A web app on port 3000. The address is shown by the agent, and here.</p>
          <CommandLine command="portico http 3000" />
        </div>
        <div className="flex flex-col items-start gap-2">
          <p className="text-ink-2">Anything else that speaks TCP, for example a database.</p>
          <CommandLine command="portico tcp 5432" />
        </div>
      </div>
    </dialog>
  );
}
