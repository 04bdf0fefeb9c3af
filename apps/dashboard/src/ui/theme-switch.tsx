'use client';

import { Monitor, Moon, Sun } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { type Theme, themeCookie, themeOf } from '../lib/theme.ts';
import { join } from './join.ts';

const choices = [
  { theme: 'system', label: 'System', Icon: Monitor },
  { theme: 'light', label: 'Light', Icon: Sun },
  { theme: 'dark', label: 'Dark', Icon: Moon },
] as const;

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The attribute on the document is the truth; the cookie makes the server draw the same next time. */
export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  const secure = location.protocol === 'https:' ? '; secure' : '';
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is absent on plain http
  document.cookie = `${themeCookie}=${theme}; path=/; max-age=31536000; samesite=lax${secure}`;
  for (const listener of listeners) listener();
}

export function ThemeSwitch({ initial }: { initial: Theme }) {
  const chosen = useSyncExternalStore(
    subscribe,
    () => themeOf(document.documentElement.dataset.theme),
    () => initial,
  );
  return (
    <fieldset className="flex rounded-button border border-line-strong bg-raised">
      <legend className="sr-only">Theme</legend>
      {choices.map(({ theme, label, Icon }) => (
        <label
          key={theme}
          className={join(
            'flex h-7 flex-1 cursor-pointer items-center justify-center gap-1.5 px-2 text-meta first-of-type:rounded-l-button last-of-type:rounded-r-button has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-lapis max-sm:h-11',
            chosen === theme ? 'bg-hover font-strong text-ink' : 'text-ink-2 hover:text-ink',
          )}
        >
          <input
            type="radio"
            name="theme"
            value={theme}
            checked={chosen === theme}
            onChange={() => chooseTheme(theme)}
            className="sr-only"
          />
          <Icon size={15} strokeWidth={1.75} aria-hidden />
          {label}
        </label>
      ))}
    </fieldset>
  );
}
