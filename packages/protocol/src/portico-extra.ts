import { isRecord } from './message-fields.ts';

/** What both sides announce under `Extra.Portico` in Auth and its answer; each extension is used only when both did. */
export const PORTICO_EXTRA = { v: 1, open: 1, window: 1 } as const;

export interface PorticoExtra {
  readonly v: number;
  /** Streams of type `open`, with a reply frame. */
  readonly open: boolean;
  /** Windows that grow beyond 256 KiB. */
  readonly window: boolean;
}

/** Anything else than a known version is as good as nothing: the peer then gets the plain protocol. */
export function parsePorticoExtra(value: unknown): PorticoExtra | null {
  if (!isRecord(value) || value.v !== 1) return null;
  return { v: 1, open: value.open === 1, window: value.window === 1 };
}

export function encodePorticoExtra(extra: PorticoExtra): Record<string, number> {
  return { v: extra.v, open: extra.open ? 1 : 0, window: extra.window ? 1 : 0 };
}
