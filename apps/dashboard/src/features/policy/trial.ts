import { field, list, nullable, number, object, oneOf, text } from '../../lib/shape.ts';

/** What the API says of a policy and a request: what is wrong with the document, else which rules would fire. */
export const readTrial = object({
  problems: list(object({ code: text, message: text })),
  conclusion: nullable(text),
  phases: list(
    object({
      phase: text,
      end: text,
      rules: list(
        object({
          index: number,
          name: nullable(text),
          verdict: oneOf('fires', 'skipped', 'unknown', 'failed', 'not-reached'),
          expressions: list((value: unknown) => ({
            source: field('source', text)(value),
            value: JSON.stringify(field('value', (one: unknown) => one)(value)),
            error: field('error', nullable(text))(value),
          })),
          actions: list(object({ type: text, effect: text })),
        }),
      ),
    }),
  ),
});
