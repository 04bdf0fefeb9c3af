-- Ids sort by their bytes, whatever the database's collation is: lists are "newest first" by id.
-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateEnum
CREATE TYPE "role" AS ENUM ('administrator', 'manager', 'developer', 'viewer');

-- CreateEnum
CREATE TYPE "node_kind" AS ENUM ('edge', 'dashboard');

-- CreateTable
CREATE TABLE "account" (
    "id" TEXT COLLATE "C" NOT NULL,
    "name" TEXT NOT NULL,
    "plan" TEXT NOT NULL DEFAULT 'self-hosted',
    "session_limit" INTEGER NOT NULL DEFAULT 1000,
    "session_endpoint_limit" INTEGER NOT NULL DEFAULT 100,
    "session_stream_limit" INTEGER NOT NULL DEFAULT 480,
    "version" INTEGER NOT NULL DEFAULT 1,
    "suspended_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "account_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "user" (
    "id" TEXT COLLATE "C" NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "password_hash" TEXT NOT NULL,
    "password_changed_at" TIMESTAMPTZ(3),
    "disabled_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "membership" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "membership_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "credential" (
    "id" TEXT COLLATE "C" NOT NULL,
    "account_id" TEXT NOT NULL,
    "owner_id" TEXT,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "token_hash" BYTEA NOT NULL,
    "token_digest" BYTEA NOT NULL,
    "token_prefix" TEXT NOT NULL,
    "acl" TEXT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_from" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_key" (
    "id" TEXT COLLATE "C" NOT NULL,
    "account_id" TEXT NOT NULL,
    "owner_id" TEXT,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "key_hash" BYTEA NOT NULL,
    "key_prefix" TEXT NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "last_used_from" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "api_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "reserved_domain" (
    "id" TEXT COLLATE "C" NOT NULL,
    "account_id" TEXT NOT NULL,
    "domain" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reserved_domain_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "name_hold" (
    "name" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "live" BOOLEAN NOT NULL DEFAULT false,
    "held_until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "name_hold_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "node_credential" (
    "id" TEXT NOT NULL,
    "kind" "node_kind" NOT NULL,
    "hash" BYTEA NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "node_credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ca_key" (
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "certificate_pem" TEXT NOT NULL,
    "sealed_key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ca_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "bind_key" (
    "id" TEXT NOT NULL,
    "sealed_secret" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "bind_key_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "usage" (
    "account_id" TEXT NOT NULL,
    "endpoint_id" TEXT NOT NULL,
    "minute" TIMESTAMPTZ(0) NOT NULL,
    "url" TEXT NOT NULL,
    "requests" BIGINT NOT NULL,
    "connections" BIGINT NOT NULL,
    "bytes_in" BIGINT NOT NULL,
    "bytes_out" BIGINT NOT NULL,
    "errors" BIGINT NOT NULL,

    CONSTRAINT "usage_pkey" PRIMARY KEY ("account_id","endpoint_id","minute")
);

-- CreateTable
CREATE TABLE "batch_receipt" (
    "node_id" TEXT NOT NULL,
    "epoch" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "seq" BIGINT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "batch_receipt_pkey" PRIMARY KEY ("node_id","epoch","kind","seq")
);

-- CreateTable
CREATE TABLE "lifecycle_event" (
    "id" TEXT COLLATE "C" NOT NULL,
    "type" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "account_id" TEXT,
    "node_id" TEXT NOT NULL,
    "object" JSONB NOT NULL,

    CONSTRAINT "lifecycle_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "dashboard_session" (
    "id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "ip" TEXT NOT NULL,
    "user_agent" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_seen_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "dashboard_session_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sign_in_throttle" (
    "key" TEXT NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "level" INTEGER NOT NULL DEFAULT 0,
    "window_start" TIMESTAMPTZ(3) NOT NULL,
    "blocked_until" TIMESTAMPTZ(3),

    CONSTRAINT "sign_in_throttle_pkey" PRIMARY KEY ("key")
);

-- CreateTable
CREATE TABLE "installation" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "account_id" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "installation_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "user_email_key" ON "user"("email");

-- CreateIndex
CREATE INDEX "membership_account_id_idx" ON "membership"("account_id");

-- CreateIndex
CREATE UNIQUE INDEX "membership_user_id_account_id_key" ON "membership"("user_id", "account_id");

-- CreateIndex
CREATE INDEX "credential_account_id_id_idx" ON "credential"("account_id", "id");

-- CreateIndex
CREATE INDEX "api_key_account_id_id_idx" ON "api_key"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "reserved_domain_domain_key" ON "reserved_domain"("domain");

-- CreateIndex
CREATE INDEX "reserved_domain_account_id_id_idx" ON "reserved_domain"("account_id", "id");

-- CreateIndex
CREATE INDEX "name_hold_held_until_idx" ON "name_hold"("held_until");

-- CreateIndex
CREATE UNIQUE INDEX "ca_key_kind_key" ON "ca_key"("kind");

-- CreateIndex
CREATE INDEX "usage_account_id_minute_idx" ON "usage"("account_id", "minute");

-- CreateIndex
CREATE INDEX "batch_receipt_received_at_idx" ON "batch_receipt"("received_at");

-- CreateIndex
CREATE INDEX "lifecycle_event_account_id_at_idx" ON "lifecycle_event"("account_id", "at");

-- CreateIndex
CREATE INDEX "lifecycle_event_at_idx" ON "lifecycle_event"("at");

-- CreateIndex
CREATE INDEX "dashboard_session_user_id_idx" ON "dashboard_session"("user_id");

-- CreateIndex
CREATE INDEX "dashboard_session_expires_at_idx" ON "dashboard_session"("expires_at");

-- CreateIndex
CREATE INDEX "sign_in_throttle_window_start_idx" ON "sign_in_throttle"("window_start");

-- AddForeignKey
ALTER TABLE "membership" ADD CONSTRAINT "membership_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "membership" ADD CONSTRAINT "membership_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "credential" ADD CONSTRAINT "credential_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "api_key" ADD CONSTRAINT "api_key_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reserved_domain" ADD CONSTRAINT "reserved_domain_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "dashboard_session" ADD CONSTRAINT "dashboard_session_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "installation" ADD CONSTRAINT "installation_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "installation" ADD CONSTRAINT "installation_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "user"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
