import { Outgoing } from '@portico/outgoing';
import type { VisitorSessions } from '../control/visitor-sessions.ts';
import type { KeyRing } from '../session/key-ring.ts';
import type { AsyncActions } from './async-action.ts';
import { HttpRequestAction, type InternalTargets } from './outgoing/http-request-action.ts';
import { JwtValidationAction } from './outgoing/jwt-validation-action.ts';
import { type KeySetLimits, KeySets } from './outgoing/key-sets.ts';
import { VerifyWebhookAction } from './outgoing/verify-webhook-action.ts';
import { IdentityProviders } from './sign-in/identity-providers.ts';
import type { ProviderSettings } from './sign-in/provider-settings.ts';
import { SealedBox } from './sign-in/sealed-box.ts';
import { SharedCallback } from './sign-in/shared-callback.ts';
import { SignIn } from './sign-in/sign-in-action.ts';

export interface NetworkActionsOptions {
  /** CIDRs of private networks that may be asked. */
  readonly allow: readonly string[];
  readonly keys: KeyRing;
  readonly providers: ProviderSettings;
  /** Of tunnels of all accounts: no cookie may be shared under it, and the shared callback is at `oauth.` of it. */
  readonly baseDomain: string;
  readonly internal: InternalTargets;
  readonly visitors: VisitorSessions;
  readonly keySetLimits?: KeySetLimits;
}

/** The actions that ask somebody, and their way out. `close` ends what is under way. */
export function createNetworkActions({
  allow,
  keys,
  providers,
  baseDomain,
  internal,
  visitors,
  keySetLimits,
}: NetworkActionsOptions): {
  readonly actions: AsyncActions;
  /** Takes exchanges for hosts without endpoint. */
  readonly sharedCallback: SharedCallback;
  close(): void;
} {
  const outgoing = new Outgoing({ allow });
  // Longer than the others may take, and plain where the owner of a policy writes so.
  const requests = new Outgoing({ allow, timeoutMs: 30_000, plainHttp: 'always', concurrency: 512 });
  const keySets = new KeySets({ outgoing, ...(keySetLimits === undefined ? {} : { limits: keySetLimits }) });
  const box = new SealedBox({ keys });
  const sharedCallback = new SharedCallback({ keys, box, baseDomain });
  const signIn = new SignIn({
    providers: new IdentityProviders({ outgoing, keySets }),
    box,
    settings: providers,
    sharedCallback,
    visitors,
    sharedDomains: [baseDomain],
  });
  return {
    actions: {
      oauth: signIn.oauth,
      'openid-connect': signIn.openIdConnect,
      'jwt-validation': new JwtValidationAction({ keySets }),
      'verify-webhook': new VerifyWebhookAction({ outgoing }),
      'http-request': new HttpRequestAction({ outgoing: requests, internal }),
    },
    sharedCallback,
    close: () => {
      outgoing.close();
      requests.close();
    },
  };
}
