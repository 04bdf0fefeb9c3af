import { isIP } from 'node:net';
import type { PasskeyAssertion, PasskeyAttestation } from '@portico/api-contract/identity';
import {
  createPasskey,
  findPasskey,
  findUser,
  listPasskeys,
  notePasskeyUse,
  type PasskeyRow,
  type Queries,
  type UserRow,
} from '@portico/db';
import { PorticoError } from '@portico/errors';
import { z } from 'zod';
import type { Client } from '../accounts/sessions.ts';
import type { ApiContext } from '../context.ts';
import type { Steps } from './steps.ts';

/** Loaded when the first passkey is used: it tries out what the runtime can, which prints a warning. */
const webAuthn = () => import('@simplewebauthn/server');

const challenge = z.object({ challenge: z.string() });
const passkeysMax = 20;

/** WebAuthn credentials: found by the browser without a name typed, and only after the person was verified. */
export class Passkeys {
  readonly #context: Pick<ApiContext, 'database' | 'now' | 'log'>;
  readonly #steps: Steps;

  constructor(context: Pick<ApiContext, 'database' | 'now' | 'log'>, steps: Steps) {
    this.#context = context;
    this.#steps = steps;
  }

  /** What the browser asks an authenticator for, and the cookie of this step. */
  async beginSignIn(client: Client) {
    const { generateAuthenticationOptions } = await webAuthn();
    const options = await generateAuthenticationOptions({ rpID: hostOf(client), userVerification: 'required' });
    return { options, step: await this.#steps.begin('passkey-sign-in', { challenge: options.challenge }, null) };
  }

  /** The person whose passkey it is. 4016 not accepted · 4017 nothing was begun. */
  async finishSignIn(step: string | null, assertion: PasskeyAssertion, client: Client): Promise<UserRow> {
    const begun = await this.#steps.take(step, 'passkey-sign-in', challenge);
    return this.#verify(assertion, begun.data.challenge, client);
  }

  async beginConfirm(user: UserRow, client: Client) {
    const { generateAuthenticationOptions } = await webAuthn();
    const passkeys = await listPasskeys(this.#context.database.queries, user.id);
    const options = await generateAuthenticationOptions({
      rpID: hostOf(client),
      userVerification: 'required',
      allowCredentials: passkeys.map(({ id, transports }) => ({ id, transports })),
    });
    return { options, step: await this.#steps.begin('passkey-confirm', { challenge: options.challenge }, user.id) };
  }

  async finishConfirm(step: string | null, assertion: PasskeyAssertion, user: UserRow, client: Client): Promise<void> {
    const begun = await this.#steps.take(step, 'passkey-confirm', challenge);
    const found = begun.userId === user.id ? await this.#verify(assertion, begun.data.challenge, client) : null;
    if (found?.id !== user.id) throw new PorticoError(4016, { reason: 'it is of somebody else' });
  }

  async beginNew(user: UserRow, client: Client) {
    const { generateRegistrationOptions } = await webAuthn();
    const passkeys = await listPasskeys(this.#context.database.queries, user.id);
    if (passkeys.length >= passkeysMax) throw new PorticoError(409, { reason: `You have ${passkeysMax} passkeys` });
    const options = await generateRegistrationOptions({
      rpName: 'Portico',
      rpID: hostOf(client),
      userName: user.email,
      userDisplayName: user.name === '' ? user.email : user.name,
      userID: new TextEncoder().encode(user.id),
      attestationType: 'none',
      excludeCredentials: passkeys.map(({ id, transports }) => ({ id, transports })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    });
    return { options, step: await this.#steps.begin('passkey-new', { challenge: options.challenge }, user.id) };
  }

  /** What the authenticator made, checked; `store` keeps it. */
  async finishNew(
    step: string | null,
    { name, attestation }: { name: string; attestation: PasskeyAttestation },
    user: UserRow,
    client: Client,
  ): Promise<(tx: Queries) => Promise<PasskeyRow>> {
    const begun = await this.#steps.take(step, 'passkey-new', challenge);
    if (begun.userId !== user.id) throw new PorticoError(4017);
    const { verifyRegistrationResponse } = await webAuthn();
    const { response, authenticatorAttachment: _, ...rest } = attestation;
    const { transports } = response;
    const verified = await this.#accepted(
      verifyRegistrationResponse({
        response: {
          ...rest,
          response: {
            clientDataJSON: response.clientDataJSON,
            attestationObject: response.attestationObject,
            ...(transports ? { transports } : {}),
          },
          clientExtensionResults: {},
        },
        expectedChallenge: begun.data.challenge,
        expectedOrigin: client.origin,
        expectedRPID: hostOf(client),
        requireUserVerification: true,
      }),
    );
    if (!verified.verified) throw new PorticoError(4016, { reason: 'it could not be verified' });
    const { credential, credentialBackedUp } = verified.registrationInfo;
    return (tx) =>
      createPasskey(tx, {
        id: credential.id,
        userId: user.id,
        name,
        publicKey: new Uint8Array(credential.publicKey),
        counter: BigInt(credential.counter),
        transports: credential.transports ?? [],
        isBackedUp: credentialBackedUp,
        createdAt: this.#context.now(),
      });
  }

  async #verify(assertion: PasskeyAssertion, expected: string, client: Client): Promise<UserRow> {
    const { queries } = this.#context.database;
    const passkey = await findPasskey(queries, assertion.id);
    const user = passkey === null ? null : await findUser(queries, passkey.userId);
    if (passkey === null || user === null || user.disabledAt !== null) {
      throw new PorticoError(4016, { reason: 'nobody here has it' });
    }
    const { verifyAuthenticationResponse } = await webAuthn();
    const { response, authenticatorAttachment: _, ...rest } = assertion;
    const { userHandle, ...signed } = response;
    const { verified, authenticationInfo } = await this.#accepted(
      verifyAuthenticationResponse({
        response: {
          ...rest,
          response: { ...signed, ...(userHandle ? { userHandle } : {}) },
          clientExtensionResults: {},
        },
        expectedChallenge: expected,
        expectedOrigin: client.origin,
        expectedRPID: hostOf(client),
        requireUserVerification: true,
        credential: {
          id: passkey.id,
          publicKey: new Uint8Array(passkey.publicKey),
          // Checked by the library: a counter that does not grow is the sign of a copy.
          counter: Number(passkey.counter),
          transports: passkey.transports,
        },
      }),
    );
    if (!verified) throw new PorticoError(4016, { reason: 'the signature is wrong' });
    const use = { counter: BigInt(authenticationInfo.newCounter), at: this.#context.now() };
    await notePasskeyUse(queries, passkey.id, use);
    return user;
  }

  /** What the library refuses, it says by throwing. */
  async #accepted<T>(verifying: Promise<T>): Promise<T> {
    try {
      return await verifying;
    } catch (error) {
      this.#context.log.info({ err: error }, 'a passkey was refused');
      throw new PorticoError(4016, { reason: 'it does not fit what was asked for' });
    }
  }
}

/** Passkeys belong to a host name; to an address there can be none. */
export function takesPasskeys(origin: string): boolean {
  const url = URL.parse(origin);
  return url !== null && isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0;
}

function hostOf({ origin }: Client): string {
  if (!takesPasskeys(origin)) throw new PorticoError(4016, { reason: 'passkeys need a host name, not an address' });
  return new URL(origin).hostname;
}
