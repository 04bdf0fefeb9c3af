-- CreateEnum
CREATE TYPE "ip_rule_action" AS ENUM ('allow', 'deny');

-- CreateEnum
CREATE TYPE "ip_restriction_type" AS ENUM ('dashboard', 'api', 'agent', 'endpoints');

-- AlterTable
ALTER TABLE "reserved_domain" ADD COLUMN     "certificate_id" TEXT;

-- AlterTable
ALTER TABLE "usage" DROP CONSTRAINT "usage_pkey",
ADD COLUMN     "span_seconds" INTEGER NOT NULL DEFAULT 60,
ADD CONSTRAINT "usage_pkey" PRIMARY KEY ("account_id", "endpoint_id", "minute", "span_seconds");

-- CreateTable
CREATE TABLE "reserved_addr" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "port" INTEGER NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "reserved_addr_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "tls_certificate" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "certificate_pem" TEXT NOT NULL,
    "sealed_key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tls_certificate_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "certificate_authority" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "ca_pem" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "certificate_authority_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ip_policy" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ip_policy_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ip_policy_rule" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "policy_id" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "cidr" TEXT NOT NULL,
    "action" "ip_rule_action" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ip_policy_rule_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ip_restriction" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "type" "ip_restriction_type" NOT NULL,
    "enforced" BOOLEAN NOT NULL DEFAULT false,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ip_restriction_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ip_restriction_policy" (
    "account_id" TEXT NOT NULL,
    "restriction_id" TEXT NOT NULL,
    "policy_id" TEXT NOT NULL,

    CONSTRAINT "ip_restriction_policy_pkey" PRIMARY KEY ("account_id","restriction_id","policy_id")
);

-- CreateTable
CREATE TABLE "vault" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_by" TEXT NOT NULL,
    "last_updated_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "vault_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "vault_secret" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "vault_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "sealed_value" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "last_updated_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "vault_secret_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "service_user" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "active" BOOLEAN NOT NULL DEFAULT true,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "service_user_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event_destination" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "format" TEXT NOT NULL,
    "sealed_target" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "event_destination_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event_subscription" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "event_subscription_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event_source" (
    "account_id" TEXT NOT NULL,
    "subscription_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,

    CONSTRAINT "event_source_pkey" PRIMARY KEY ("account_id","subscription_id","type")
);

-- CreateTable
CREATE TABLE "event_subscription_destination" (
    "account_id" TEXT NOT NULL,
    "subscription_id" TEXT NOT NULL,
    "destination_id" TEXT NOT NULL,

    CONSTRAINT "event_subscription_destination_pkey" PRIMARY KEY ("account_id","subscription_id","destination_id")
);

-- CreateTable
CREATE TABLE "audit_event" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "type" TEXT NOT NULL,
    "actor_id" TEXT,
    "credential_id" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "request_id" TEXT NOT NULL,
    "object_id" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,

    CONSTRAINT "audit_event_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "reserved_addr_port_key" ON "reserved_addr"("port");

-- CreateIndex
CREATE INDEX "reserved_addr_account_id_id_idx" ON "reserved_addr"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "tls_certificate_account_id_id_key" ON "tls_certificate"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "certificate_authority_account_id_id_key" ON "certificate_authority"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "ip_policy_account_id_id_key" ON "ip_policy"("account_id", "id");

-- CreateIndex
CREATE INDEX "ip_policy_rule_account_id_id_idx" ON "ip_policy_rule"("account_id", "id");

-- CreateIndex
CREATE INDEX "ip_policy_rule_account_id_policy_id_idx" ON "ip_policy_rule"("account_id", "policy_id");

-- CreateIndex
CREATE UNIQUE INDEX "ip_restriction_account_id_id_key" ON "ip_restriction"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "ip_restriction_account_id_type_key" ON "ip_restriction"("account_id", "type");

-- CreateIndex
CREATE INDEX "ip_restriction_policy_account_id_policy_id_idx" ON "ip_restriction_policy"("account_id", "policy_id");

-- CreateIndex
CREATE UNIQUE INDEX "vault_account_id_id_key" ON "vault"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "vault_account_id_name_key" ON "vault"("account_id", "name");

-- CreateIndex
CREATE INDEX "vault_secret_account_id_id_idx" ON "vault_secret"("account_id", "id");

-- CreateIndex
CREATE INDEX "vault_secret_account_id_vault_id_idx" ON "vault_secret"("account_id", "vault_id");

-- CreateIndex
CREATE UNIQUE INDEX "vault_secret_vault_id_name_key" ON "vault_secret"("vault_id", "name");

-- CreateIndex
CREATE INDEX "service_user_account_id_id_idx" ON "service_user"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "event_destination_account_id_id_key" ON "event_destination"("account_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "event_subscription_account_id_id_key" ON "event_subscription"("account_id", "id");

-- CreateIndex
CREATE INDEX "event_subscription_destination_account_id_destination_id_idx" ON "event_subscription_destination"("account_id", "destination_id");

-- CreateIndex
CREATE INDEX "audit_event_account_id_id_idx" ON "audit_event"("account_id", "id");

-- CreateIndex
CREATE INDEX "audit_event_at_idx" ON "audit_event"("at");

-- CreateIndex
CREATE INDEX "reserved_domain_account_id_certificate_id_idx" ON "reserved_domain"("account_id", "certificate_id");

-- CreateIndex
CREATE INDEX "usage_span_seconds_minute_idx" ON "usage"("span_seconds", "minute");

-- AddForeignKey
ALTER TABLE "reserved_domain" ADD CONSTRAINT "reserved_domain_account_id_certificate_id_fkey" FOREIGN KEY ("account_id", "certificate_id") REFERENCES "tls_certificate"("account_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "reserved_addr" ADD CONSTRAINT "reserved_addr_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "tls_certificate" ADD CONSTRAINT "tls_certificate_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "certificate_authority" ADD CONSTRAINT "certificate_authority_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_policy" ADD CONSTRAINT "ip_policy_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_policy_rule" ADD CONSTRAINT "ip_policy_rule_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_policy_rule" ADD CONSTRAINT "ip_policy_rule_account_id_policy_id_fkey" FOREIGN KEY ("account_id", "policy_id") REFERENCES "ip_policy"("account_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_restriction" ADD CONSTRAINT "ip_restriction_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_restriction_policy" ADD CONSTRAINT "ip_restriction_policy_account_id_restriction_id_fkey" FOREIGN KEY ("account_id", "restriction_id") REFERENCES "ip_restriction"("account_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ip_restriction_policy" ADD CONSTRAINT "ip_restriction_policy_account_id_policy_id_fkey" FOREIGN KEY ("account_id", "policy_id") REFERENCES "ip_policy"("account_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "vault" ADD CONSTRAINT "vault_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "vault_secret" ADD CONSTRAINT "vault_secret_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "vault_secret" ADD CONSTRAINT "vault_secret_account_id_vault_id_fkey" FOREIGN KEY ("account_id", "vault_id") REFERENCES "vault"("account_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "service_user" ADD CONSTRAINT "service_user_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_destination" ADD CONSTRAINT "event_destination_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_subscription" ADD CONSTRAINT "event_subscription_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_source" ADD CONSTRAINT "event_source_account_id_subscription_id_fkey" FOREIGN KEY ("account_id", "subscription_id") REFERENCES "event_subscription"("account_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_subscription_destination" ADD CONSTRAINT "event_subscription_destination_account_id_subscription_id_fkey" FOREIGN KEY ("account_id", "subscription_id") REFERENCES "event_subscription"("account_id", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_subscription_destination" ADD CONSTRAINT "event_subscription_destination_account_id_destination_id_fkey" FOREIGN KEY ("account_id", "destination_id") REFERENCES "event_destination"("account_id", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The log of changes is append-only, whatever the application does: no row is changed, none removed within a year.
CREATE FUNCTION "audit_event_keep"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD."at" < now() - interval '365 days' THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'audit_event is append-only';
END
$$;
CREATE TRIGGER "audit_event_keep_rows" BEFORE UPDATE OR DELETE ON "audit_event"
  FOR EACH ROW EXECUTE FUNCTION "audit_event_keep"();
CREATE TRIGGER "audit_event_keep_table" BEFORE TRUNCATE ON "audit_event"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_event_keep"();
