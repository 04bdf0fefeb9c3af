import { type ErrorCode, type ErrorDetails, errorName, ownerText } from '@portico/errors';
import { HINTS } from './hints.ts';

/** Something in a document that keeps the whole policy from being used. */
export interface PolicyProblem {
  readonly code: ErrorCode;
  /** `ERR_NGROK_2201`. */
  readonly name: string;
  readonly message: string;
  /** What to do about it, one sentence; null when the message says it already. */
  readonly hint: string | null;
  /** Of the text that was loaded, both from 1. */
  readonly line: number;
  readonly column: number;
  /** Where in the document: `on_http_request[0].actions[1].config.headers`. Empty for the document itself. */
  readonly path: string;
}

export interface Spot {
  /** Offset in the text of the document. */
  readonly at: number;
  readonly path: string;
}

/** Collects the problems of one document, in the order of the text, up to a limit. */
export class Problems {
  readonly #text: string;
  readonly #max: number;
  readonly #found: { readonly problem: PolicyProblem; readonly at: number }[] = [];
  #count = 0;
  #lineStarts: number[] | null = null;

  constructor(text: string, max: number) {
    this.#text = text;
    this.#max = max;
  }

  add(code: ErrorCode, details: ErrorDetails, spot: Spot, hint: string | null = null): void {
    this.#count += 1;
    if (this.#found.length >= this.#max) return;
    const { line, column } = this.#position(spot.at);
    const message = ownerText(code, details);
    this.#found.push({
      at: spot.at,
      problem: {
        code,
        name: errorName(code),
        message,
        hint: hint ?? HINTS[code] ?? null,
        line,
        column,
        path: spot.path,
      },
    });
  }

  /** How many were added, those beyond the limit included. */
  get count(): number {
    return this.#count;
  }

  list(): readonly PolicyProblem[] {
    return [...this.#found].sort((a, b) => a.at - b.at).map(({ problem }) => problem);
  }

  #position(at: number): { line: number; column: number } {
    this.#lineStarts ??= lineStarts(this.#text);
    const starts = this.#lineStarts;
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  }
}

/** One problem as a person reads it in a terminal: `4:31: text (hint) ERR_NGROK_2200`. */
export function formatProblem(problem: PolicyProblem): string {
  const hint = problem.hint === null ? '' : ` ${problem.hint}`;
  return `${problem.line}:${problem.column}: ${problem.message}${hint} (${problem.name})`;
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}
