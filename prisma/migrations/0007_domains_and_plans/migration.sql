-- AlterTable
ALTER TABLE "reserved_domain" ADD COLUMN     "check_result" JSONB,
ADD COLUMN     "checked_at" TIMESTAMPTZ(3),
ADD COLUMN     "job_error_code" TEXT,
ADD COLUMN     "job_failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "job_lease_owner" TEXT,
ADD COLUMN     "job_leased_until" TIMESTAMPTZ(3),
ADD COLUMN     "job_message" TEXT,
ADD COLUMN     "job_retries_at" TIMESTAMPTZ(3),
ADD COLUMN     "job_started_at" TIMESTAMPTZ(3),
ADD COLUMN     "management_authority" TEXT,
ADD COLUMN     "management_key_type" TEXT,
ADD COLUMN     "next_check_at" TIMESTAMPTZ(3),
ADD COLUMN     "proven_at" TIMESTAMPTZ(3),
ADD COLUMN     "renews_at" TIMESTAMPTZ(3),
ADD COLUMN     "unproven_since" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "tls_certificate" ADD COLUMN     "issued_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "acme_account" (
    "directory_url" TEXT NOT NULL,
    "sealed_key" TEXT NOT NULL,
    "account_url" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "acme_account_pkey" PRIMARY KEY ("directory_url")
);

-- CreateTable
CREATE TABLE "acme_challenge" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "answer" TEXT NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "acme_challenge_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "plan" (
    "id" TEXT NOT NULL,
    "sessions" INTEGER,
    "endpoints" INTEGER,
    "endpoints_per_session" INTEGER,
    "requests_per_month" BIGINT,
    "bytes_per_month" BIGINT,
    "connections_per_month" BIGINT,
    "requests_per_second" INTEGER,
    "connections_per_second" INTEGER,
    "reserved_domains" INTEGER,

    CONSTRAINT "plan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage_month" (
    "account_id" TEXT NOT NULL,
    "month" DATE NOT NULL,
    "requests" BIGINT NOT NULL,
    "connections" BIGINT NOT NULL,
    "bytes" BIGINT NOT NULL,

    CONSTRAINT "usage_month_pkey" PRIMARY KEY ("account_id","month")
);

-- CreateIndex
CREATE INDEX "acme_challenge_kind_host_idx" ON "acme_challenge"("kind", "host");

-- CreateIndex
CREATE INDEX "acme_challenge_expires_at_idx" ON "acme_challenge"("expires_at");

-- CreateIndex
CREATE INDEX "reserved_domain_next_check_at_idx" ON "reserved_domain"("next_check_at");

-- CreateIndex
CREATE INDEX "reserved_domain_job_retries_at_idx" ON "reserved_domain"("job_retries_at");

-- CreateIndex
CREATE INDEX "reserved_domain_account_id_domain_idx" ON "reserved_domain"("account_id", "domain");

-- Edges report what happens on an account's endpoints only if somebody wants to know.
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "event_source" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "event_subscription_destination" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();

-- Limits are settings too: of the account itself, and of its plan.
CREATE FUNCTION "count_account_plan"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW."plan" IS DISTINCT FROM OLD."plan" THEN
    NEW."settings_revision" := OLD."settings_revision" + 1;
    NEW."version" := OLD."version" + 1;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "count_plan" BEFORE UPDATE OF "plan" ON "account" FOR EACH ROW EXECUTE FUNCTION "count_account_plan"();
CREATE FUNCTION "count_plan_settings"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE "account" SET "settings_revision" = "settings_revision" + 1, "version" = "version" + 1
    WHERE "plan" = COALESCE(NEW."id", OLD."id");
  RETURN NULL;
END $$;
CREATE TRIGGER "count_plan" AFTER INSERT OR UPDATE OR DELETE ON "plan" FOR EACH ROW EXECUTE FUNCTION "count_plan_settings"();

-- The plan that every account has until the operator makes others: no limits.
INSERT INTO "plan" ("id") VALUES ('self-hosted');

-- What was counted before this table was there.
INSERT INTO "usage_month" ("account_id", "month", "requests", "connections", "bytes")
  SELECT "account_id", date_trunc('month', "minute" AT TIME ZONE 'UTC')::date, sum("requests"), sum("connections"),
    sum("bytes_in" + "bytes_out")
  FROM "usage" WHERE "minute" >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
  GROUP BY 1, 2;
