-- Why an account is suspended, and by whom; shown to its people and to operators.
ALTER TABLE "account" ADD COLUMN "suspended_by" TEXT, ADD COLUMN "suspension_reason" TEXT;
-- The operator's list of accounts, newest first.
CREATE INDEX "account_created_at_id_idx" ON "account" ("created_at" DESC, "id" DESC);
