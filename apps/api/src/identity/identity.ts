import { Sessions } from '../accounts/sessions.ts';
import { SignIns } from '../accounts/sign-in.ts';
import { Throttle } from '../accounts/throttle.ts';
import { FailedSignIns } from '../audit/person-events.ts';
import type { ApiContext } from '../context.ts';
import { Mailer } from '../mail/mailer.ts';
import { Team } from '../memberships/team.ts';
import type { Passwords } from '../secrets/password.ts';
import { Links } from './links.ts';
import { OidcSignIns } from './oidc.ts';
import { Passkeys } from './passkeys.ts';
import { People } from './people.ts';
import { SecondFactors } from './second-factors.ts';
import { Steps } from './steps.ts';

/** Everything about people: who they are, how they prove it, and what they belong to. */
export interface Identity {
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly signIns: SignIns;
  readonly steps: Steps;
  readonly secondFactors: SecondFactors;
  readonly passkeys: Passkeys;
  readonly people: People;
  readonly oidc: OidcSignIns;
  readonly team: Team;
  readonly mailer: Mailer;
  /** Lets mail and notes that are under way end. */
  close(): Promise<void>;
}

export function makeIdentity(context: ApiContext, passwords: Passwords, masterKey: Uint8Array): Identity {
  const { config, log, now } = context;
  const mailer = new Mailer({ config: config.mail, log, now });
  const sessions = new Sessions(context, masterKey);
  const throttle = new Throttle(context);
  const steps = new Steps(context);
  const links = new Links(context);
  const secondFactors = new SecondFactors(context);
  const failures = new FailedSignIns(context);
  const signIns = new SignIns({
    context,
    passwords,
    sessions,
    throttle,
    steps,
    secondFactors,
    failures,
    mailer,
  });
  const passkeys = new Passkeys(context, steps);
  const people = new People({ context, signIns, sessions, throttle, links, mailer });
  const team = new Team({ context, signIns, throttle, links, mailer });
  const oidc = new OidcSignIns({ context, signIns, steps, people, team });
  const close = async (): Promise<void> => {
    await failures.close();
    await mailer.close();
  };
  return { sessions, throttle, signIns, steps, secondFactors, passkeys, people, oidc, team, mailer, close };
}
