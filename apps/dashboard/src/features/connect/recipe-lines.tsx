'use client';

import type { Overview } from '@portico/api-contract/dashboard';
import type { Recipe } from '@portico/recipes';
import { Download } from 'lucide-react';
import { CopyButton } from '../../ui/copy-button.tsx';

export type ConnectFacts = NonNullable<Overview['connect']>;

/** Authtokens are shown once, when they are made: here stands what people put theirs in the place of. */
export const TOKEN = 'YOUR_AUTHTOKEN';

export interface RecipeLinesProps {
  readonly recipe: Recipe;
  readonly connect: ConnectFacts;
  /** What is copied, and what stands on the screen. */
  readonly token?: { readonly whole: string; readonly shown: string };
}

/** The lines of one official SDK, filled in with this server. */
export function RecipeLines({ recipe, connect, token = { whole: TOKEN, shown: TOKEN } }: RecipeLinesProps) {
  const { address, baseDomain } = connect;
  const code = (authtoken: string) => recipe.code({ address, caFile: 'ca.pem', authtoken, host: `sdk.${baseDomain}` });
  return (
    <figure className="w-full rounded-button border border-line bg-sunken">
      <figcaption className="flex items-center justify-between border-b border-line py-1 pr-1.5 pl-3 text-meta text-ink-3">
        {recipe.package}
        <CopyButton text={code(token.whole)} label="Copy the lines" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long lines scroll, with the keyboard too */}
      <pre tabIndex={0} className="overflow-x-auto p-3 font-mono text-url">
        {code(token.shown)}
      </pre>
    </figure>
  );
}

/** The certificate that agents must be shown, as a file. */
export function CaFile({ caPem }: { caPem: string }) {
  return (
    <a
      href={`data:application/x-pem-file;charset=utf-8,${encodeURIComponent(caPem)}`}
      download="ca.pem"
      className="inline-flex h-[30px] items-center gap-2 rounded-button border border-line-strong bg-raised px-3 font-strong hover:bg-hover max-sm:h-11"
    >
      <Download size={15} strokeWidth={1.75} aria-hidden />
      Save the certificate as ca.pem
    </a>
  );
}

/** Says on a machine, once, where this server is and which certificate it must show. */
export function serverCommand({ address, caSha256 }: ConnectFacts): string {
  return `portico config add-connect-url ${address} --ca-sha256 ${caSha256}`;
}
