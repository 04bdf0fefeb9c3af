/** What people are written. Plain text; the lines are short enough for every mail program. */
export interface MailText {
  readonly subject: string;
  readonly text: string;
}

const minutes = (ms: number): string => `${Math.round(ms / 60_000)} minutes`;
const foot = (origin: string): string => `\n-- \nPortico at ${origin}\n`;

export function signUpMail({ origin, link, lifeMs }: { origin: string; link: string; lifeMs: number }): MailText {
  return {
    subject: 'Confirm your address',
    text: `Open this link to finish signing up. It works once, for ${minutes(lifeMs)}:\n\n${link}\n\nIf you did not sign up, leave it: nothing was made.\n${foot(origin)}`,
  };
}

export function knownSignUpMail({ origin }: { origin: string }): MailText {
  return {
    subject: 'You have a user here already',
    text: `Somebody, most likely you, tried to sign up with this address. It has a user already: sign in, or ask\nfor a new password if you have forgotten yours.\n\n${origin}/sign-in\n${foot(origin)}`,
  };
}

export function resetMail({ origin, link, lifeMs }: { origin: string; link: string; lifeMs: number }): MailText {
  return {
    subject: 'Choose a new password',
    text: `Open this link to choose a new password. It works once, for ${minutes(lifeMs)}:\n\n${link}\n\nIf you did not ask for it, leave it: your password stays as it is.\n${foot(origin)}`,
  };
}

export function verifyMail({ origin, link, lifeMs }: { origin: string; link: string; lifeMs: number }): MailText {
  return {
    subject: 'Confirm your address',
    text: `Open this link to confirm that this address is yours. It works once, for ${minutes(lifeMs)}:\n\n${link}\n${foot(origin)}`,
  };
}

export function invitationMail(facts: {
  readonly origin: string;
  readonly link: string;
  readonly account: string;
  readonly from: string;
  readonly role: string;
  readonly lifeMs: number;
}): MailText {
  const { origin, link, account, from, role, lifeMs } = facts;
  return {
    subject: `${from} invites you to ${account}`,
    text: `${from} invites you to work in the account ${account}, as ${role}.\n\n${link}\n\nThe link works once, for ${minutes(lifeMs)}; after that its page sends you another one.\n${foot(origin)}`,
  };
}

/** What a person hears of every change to how they sign in. */
export function securityMail({ origin, what, ip }: { origin: string; what: string; ip: string }): MailText {
  return {
    subject: `Portico: ${what}`,
    text: `${what}. It was done from the address ${ip}.\n\nIf that was not you, choose a new password now and look at your sessions:\n\n${origin}/settings\n${foot(origin)}`,
  };
}
