import type { Queries } from '../database.ts';
import type { CaptureSetting } from '../generated/client.ts';

export type CaptureSettingRow = CaptureSetting;
export type NewCaptureSetting = Omit<CaptureSetting, 'accountId'>;

/** Null: the account keeps nothing. */
export function findCaptureSetting(db: Queries, accountId: string): Promise<CaptureSettingRow | null> {
  return db.captureSetting.findUnique({ where: { accountId } });
}

export function saveCaptureSetting(
  db: Queries,
  accountId: string,
  setting: NewCaptureSetting,
): Promise<CaptureSettingRow> {
  return db.captureSetting.upsert({
    where: { accountId },
    create: { ...setting, accountId },
    update: setting,
  });
}

export async function deleteCaptureSetting(db: Queries, accountId: string): Promise<void> {
  await db.captureSetting.deleteMany({ where: { accountId } });
}
