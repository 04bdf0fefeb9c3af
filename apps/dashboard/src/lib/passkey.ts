/**
 * Passkeys between the API, which speaks JSON, and the browser, which speaks buffers (WebAuthn Level 3, section 5.1). The
 * options are handed on as they came; the API checks what comes back.
 */
export type PasskeyOutcome =
  | { readonly kind: 'done'; readonly credential: unknown }
  /** The person closed the browser's dialog, or there is no passkey of theirs on this device. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'not-here' };

export function canUsePasskeys(): boolean {
  return typeof PublicKeyCredential === 'function' && window.isSecureContext;
}

/** @param options of the API, as JSON. */
export function getPasskey(options: unknown): Promise<PasskeyOutcome> {
  return withBrowser(async () => {
    const { challenge, allowCredentials, ...rest } = fieldsOf(options);
    const publicKey = {
      ...rest,
      challenge: bytesOf(challenge),
      allowCredentials: listOf(allowCredentials).map(descriptorOf),
    };
    const credential = await navigator.credentials.get({ publicKey });
    if (!(credential instanceof PublicKeyCredential)) return null;
    const { response } = credential;
    if (!(response instanceof AuthenticatorAssertionResponse)) return null;
    return {
      ...namesOf(credential),
      response: {
        clientDataJSON: textOf(response.clientDataJSON),
        authenticatorData: textOf(response.authenticatorData),
        signature: textOf(response.signature),
        userHandle: response.userHandle ? textOf(response.userHandle) : null,
      },
    };
  });
}

export function createPasskey(options: unknown): Promise<PasskeyOutcome> {
  return withBrowser(async () => {
    const { challenge, user, rp, pubKeyCredParams, excludeCredentials, ...rest } = fieldsOf(options);
    const person = fieldsOf(user);
    const publicKey = {
      ...rest,
      rp: { name: 'Portico', ...fieldsOf(rp) },
      pubKeyCredParams: listOf(pubKeyCredParams).map((one) => ({
        type: 'public-key' as const,
        alg: Number(fieldsOf(one).alg),
      })),
      challenge: bytesOf(challenge),
      user: { id: bytesOf(person.id), name: String(person.name), displayName: String(person.displayName) },
      excludeCredentials: listOf(excludeCredentials).map(descriptorOf),
    };
    const credential = await navigator.credentials.create({ publicKey });
    if (!(credential instanceof PublicKeyCredential)) return null;
    const { response } = credential;
    if (!(response instanceof AuthenticatorAttestationResponse)) return null;
    return {
      ...namesOf(credential),
      response: {
        clientDataJSON: textOf(response.clientDataJSON),
        attestationObject: textOf(response.attestationObject),
        transports: response.getTransports(),
      },
    };
  });
}

async function withBrowser(work: () => Promise<unknown>): Promise<PasskeyOutcome> {
  if (!canUsePasskeys()) return { kind: 'not-here' };
  try {
    const credential = await work();
    return credential === null ? { kind: 'given-up' } : { kind: 'done', credential };
  } catch (error) {
    // Closing the dialog is said in the same way as having no passkey, so that a page learns neither.
    if (error instanceof DOMException) return { kind: 'given-up' };
    throw error;
  }
}

function namesOf(credential: PublicKeyCredential) {
  return { id: credential.id, rawId: textOf(credential.rawId), type: 'public-key' };
}

function descriptorOf(value: unknown): PublicKeyCredentialDescriptor {
  return { type: 'public-key', id: bytesOf(fieldsOf(value).id) };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function bytesOf(value: unknown): Uint8Array<ArrayBuffer> {
  const base64 = String(value).replaceAll('-', '+').replaceAll('_', '/');
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function textOf(buffer: ArrayBuffer): string {
  const letters = Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join('');
  return btoa(letters).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
