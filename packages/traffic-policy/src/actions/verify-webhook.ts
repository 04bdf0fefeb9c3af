import { constantTemplate, type Template } from '../expressions/template.ts';
import { nearest } from '../suggestion.ts';
import { isWebhookProvider, WEBHOOK_PROVIDERS, type WebhookProvider } from '../webhooks/provider-ids.ts';
import { defineAction, never } from './action-definition.ts';

export interface VerifyWebhookConfig {
  readonly provider: WebhookProvider;
  /** Empty for sns, which signs by certificate. */
  readonly secret: Template;
  readonly enforce: boolean;
}

export const verifyWebhook = defineAction({
  type: 'verify-webhook',
  phases: ['on_http_request'],
  ends: never,
  read: (config): VerifyWebhookConfig => {
    const given = config.requiredText('provider').toLowerCase();
    const name = OLDER_NAMES.get(given) ?? given;
    if (name !== '' && !isWebhookProvider(name)) {
      const found = nearest(name, WEBHOOK_PROVIDERS);
      const hint = found === null ? null : `Did you mean ${found}?`;
      config.problem(2222, 'provider', { accepted: 'the id of a provider', actual: name.slice(0, 64) }, hint);
    }
    const provider = isWebhookProvider(name) ? name : 'github';
    const secret = provider === 'sns' ? config.template('secret') : config.requiredTemplate('secret', { max: 4_096 });
    return { provider, secret: secret ?? constantTemplate(''), enforce: config.boolean('enforce', true) };
  },
});

/** As guides of the service they come from write them. */
const OLDER_NAMES: ReadonlyMap<string, WebhookProvider> = new Map<string, WebhookProvider>([
  ['signalsciences', 'signal_sciences'],
  ['sonatype_nexus', 'sonatype'],
  ['vmware_workspace', 'vmware'],
]);
