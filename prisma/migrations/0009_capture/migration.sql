-- CreateEnum
CREATE TYPE "capture_mode" AS ENUM ('metadata', 'full');

-- CreateTable
CREATE TABLE "capture_setting" (
    "account_id" TEXT NOT NULL,
    "mode" "capture_mode" NOT NULL,
    "body_bytes" INTEGER NOT NULL DEFAULT 10240,
    "retention_hours" INTEGER NOT NULL DEFAULT 72,
    "size_limit_bytes" BIGINT NOT NULL DEFAULT 1073741824,
    "hidden_headers" TEXT[],

    CONSTRAINT "capture_setting_pkey" PRIMARY KEY ("account_id")
);

-- CreateTable
CREATE TABLE "exchange" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "endpoint_id" TEXT NOT NULL,
    "url" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "method" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "status" INTEGER,
    "error_code" INTEGER,
    "outcome" TEXT NOT NULL,
    "client_ip" TEXT NOT NULL,
    "http_version" TEXT NOT NULL,
    "agent" TEXT,
    "region" TEXT NOT NULL,
    "policy_ms" DOUBLE PRECISION,
    "tunnel_ms" DOUBLE PRECISION,
    "wait_ms" DOUBLE PRECISION,
    "total_ms" DOUBLE PRECISION NOT NULL,
    "request_bytes" BIGINT NOT NULL,
    "response_bytes" BIGINT NOT NULL,
    "replay_of" TEXT,
    "replayed_by" TEXT,
    "sealed_content" TEXT,
    "size_bytes" INTEGER NOT NULL,

    CONSTRAINT "exchange_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "exchange_account_id_id_idx" ON "exchange"("account_id", "id");

-- CreateIndex
CREATE INDEX "exchange_account_id_replay_of_idx" ON "exchange"("account_id", "replay_of");

-- CreateIndex
CREATE INDEX "exchange_at_idx" ON "exchange"("at");

-- AddForeignKey
ALTER TABLE "capture_setting" ADD CONSTRAINT "capture_setting_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "exchange" ADD CONSTRAINT "exchange_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "capture_setting" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
