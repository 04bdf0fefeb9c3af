import type { Queries } from '../database.ts';

export interface LastUse {
  readonly id: string;
  readonly at: Date;
  readonly from: string;
}

/** Notes for many authtokens at once when and from which address they were last used. */
export async function noteCredentialUse(db: Queries, uses: readonly LastUse[]): Promise<void> {
  await db.$executeRaw`
    UPDATE credential AS c SET last_used_at = u.at, last_used_from = u."from"
    FROM jsonb_to_recordset(${JSON.stringify(uses)}::jsonb) AS u(id text, at timestamptz, "from" text)
    WHERE c.id = u.id`;
}

/** The same for API keys. */
export async function noteApiKeyUse(db: Queries, uses: readonly LastUse[]): Promise<void> {
  await db.$executeRaw`
    UPDATE api_key AS k SET last_used_at = u.at, last_used_from = u."from"
    FROM jsonb_to_recordset(${JSON.stringify(uses)}::jsonb) AS u(id text, at timestamptz, "from" text)
    WHERE k.id = u.id`;
}
