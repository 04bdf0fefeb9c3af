import type { ConfigReader, RegexTemplate } from '../document/config-reader.ts';
import { constantTemplate, type Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

export interface BodyFindReplaceConfig {
  readonly replacements: readonly { readonly from: RegexTemplate; readonly to: Template }[];
}

export const requestBodyFindReplace = defineAction({
  type: 'request-body-find-replace',
  phases: ['on_http_request'],
  ends: never,
  read: readReplacements,
});

export const responseBodyFindReplace = defineAction({
  type: 'response-body-find-replace',
  phases: ['on_http_response'],
  ends: never,
  read: readReplacements,
});

function readReplacements(config: ConfigReader): BodyFindReplaceConfig {
  const replacements = config.readers('replacements', { min: 1, max: 32 }).map((replacement) => {
    const from = replacement.regex('from', true) ?? { template: constantTemplate(''), regex: null };
    const to = replacement.requiredTemplate('to', { min: 0, max: 65_536 });
    replacement.finish();
    return { from, to };
  });
  return { replacements };
}
