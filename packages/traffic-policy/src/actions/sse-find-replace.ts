import type { RegexTemplate } from '../document/config-reader.ts';
import { constantTemplate, type Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

/** Fields of a message that may be changed. */
export const MESSAGE_FIELDS = ['data', 'retry'] as const;
export type MessageField = (typeof MESSAGE_FIELDS)[number];

export interface SseFindReplaceConfig {
  readonly replacements: readonly {
    readonly field: MessageField;
    readonly from: RegexTemplate;
    readonly to: Template;
  }[];
}

export const sseFindReplace = defineAction({
  type: 'sse-find-replace',
  phases: ['on_event_stream_message'],
  ends: never,
  read: (config): SseFindReplaceConfig => {
    const replacements = config.readers('replacements', { min: 1, max: 10 }).map((replacement) => {
      const field = replacement.choice('field', MESSAGE_FIELDS, null);
      const from = replacement.regex('from', true) ?? { template: constantTemplate(''), regex: null };
      const to = replacement.requiredTemplate('to', { min: 0, max: 65_536 });
      replacement.finish();
      return { field, from, to };
    });
    return { replacements };
  },
});
