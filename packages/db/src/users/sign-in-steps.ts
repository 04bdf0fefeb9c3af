import type { Queries } from '../database.ts';
import type { SignInStep } from '../generated/client.ts';

export type SignInStepRow = SignInStep;

export async function createSignInStep(
  db: Queries,
  fields: {
    readonly id: string;
    readonly kind: string;
    readonly userId: string | null;
    readonly sealedData: string;
    readonly createdAt: Date;
    readonly expiresAt: Date;
  },
): Promise<void> {
  await db.signInStep.create({ data: { ...fields } });
}

/** Takes the step away: what it holds is good once. Null when it is not there, is of another kind or has expired. */
export async function takeSignInStep(db: Queries, id: string, kind: string, at: Date): Promise<SignInStepRow | null> {
  const step = await db.signInStep.findUnique({ where: { id } });
  if (step === null || step.kind !== kind) return null;
  const { count } = await db.signInStep.deleteMany({ where: { id } });
  return count === 1 && step.expiresAt > at ? step : null;
}

/** Counts one more try and leaves the step where it is; null as above, and after `triesMax` tries. */
export async function trySignInStep(
  db: Queries,
  id: string,
  kind: string,
  { at, triesMax }: { at: Date; triesMax: number },
): Promise<SignInStepRow | null> {
  const [step] = await db.signInStep.updateManyAndReturn({
    where: { id, kind, expiresAt: { gt: at }, tries: { lt: triesMax } },
    data: { tries: { increment: 1 } },
  });
  return step ?? null;
}

export async function deleteSignInStep(db: Queries, id: string): Promise<void> {
  await db.signInStep.deleteMany({ where: { id } });
}

export async function deleteExpiredSteps(db: Queries, now: Date): Promise<number> {
  const { count } = await db.signInStep.deleteMany({ where: { expiresAt: { lte: now } } });
  return count;
}
