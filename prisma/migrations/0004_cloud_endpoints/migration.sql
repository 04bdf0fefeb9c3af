-- AlterTable
ALTER TABLE "account" ADD COLUMN     "settings_revision" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "cloud_endpoint" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "proto" TEXT NOT NULL,
    "host" TEXT NOT NULL,
    "port" INTEGER NOT NULL,
    "internal" BOOLEAN NOT NULL,
    "pooling_enabled" BOOLEAN NOT NULL,
    "traffic_policy" TEXT NOT NULL,
    "description" TEXT NOT NULL DEFAULT '',
    "metadata" TEXT NOT NULL DEFAULT '',
    "created_by" TEXT,
    "revision" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "cloud_endpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "cloud_endpoint_gone" (
    "id" TEXT NOT NULL,
    "revision" INTEGER NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "cloud_endpoint_gone_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "edge_feed" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "revision" INTEGER NOT NULL DEFAULT 0,
    "forgotten_up_to" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "edge_feed_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "cloud_endpoint_account_id_id_idx" ON "cloud_endpoint"("account_id", "id");

-- CreateIndex
CREATE INDEX "cloud_endpoint_host_proto_port_idx" ON "cloud_endpoint"("host", "proto", "port");

-- CreateIndex
CREATE INDEX "cloud_endpoint_revision_idx" ON "cloud_endpoint"("revision");

-- CreateIndex
CREATE INDEX "cloud_endpoint_gone_revision_idx" ON "cloud_endpoint_gone"("revision");

-- AddForeignKey
ALTER TABLE "cloud_endpoint" ADD CONSTRAINT "cloud_endpoint_account_id_fkey" FOREIGN KEY ("account_id") REFERENCES "account"("id") ON DELETE CASCADE ON UPDATE CASCADE;

INSERT INTO "edge_feed" ("id") VALUES (1);

-- Whoever changes what edges keep of an account counts the change, whatever part of the API it is.
CREATE FUNCTION "count_account_settings"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP IN ('UPDATE', 'DELETE') THEN
    UPDATE "account" SET "settings_revision" = "settings_revision" + 1 WHERE "id" = OLD."account_id";
  ELSE
    UPDATE "account" SET "settings_revision" = "settings_revision" + 1 WHERE "id" = NEW."account_id";
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "ip_policy_rule" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER DELETE ON "ip_policy" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "ip_restriction" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "ip_restriction_policy" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER UPDATE OR DELETE ON "vault" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "vault_secret" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
