-- CreateEnum
CREATE TYPE "delivery_state" AS ENUM ('pending', 'dead');

-- AlterTable
ALTER TABLE "event_destination" ADD COLUMN     "delivered" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "given_up" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "last_delivered_at" TIMESTAMPTZ(3),
ADD COLUMN     "last_error" TEXT,
ADD COLUMN     "last_error_at" TIMESTAMPTZ(3),
ADD COLUMN     "lease_owner" TEXT,
ADD COLUMN     "leased_until" TIMESTAMPTZ(3),
ADD COLUMN     "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN     "paused_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "outbox_event" (
    "id" TEXT NOT NULL,
    "account_id" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "object" JSONB NOT NULL,
    "principal" JSONB,

    CONSTRAINT "outbox_event_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "event_delivery" (
    "seq" BIGSERIAL NOT NULL,
    "destination_id" TEXT NOT NULL,
    "event_id" TEXT NOT NULL,
    "state" "delivery_state" NOT NULL DEFAULT 'pending',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "last_error" TEXT,
    "died_at" TIMESTAMPTZ(3),

    CONSTRAINT "event_delivery_pkey" PRIMARY KEY ("seq")
);

-- CreateIndex
CREATE INDEX "outbox_event_at_idx" ON "outbox_event"("at");

-- CreateIndex
CREATE INDEX "event_delivery_destination_id_state_seq_idx" ON "event_delivery"("destination_id", "state", "seq");

-- CreateIndex
CREATE INDEX "event_delivery_event_id_idx" ON "event_delivery"("event_id");

-- CreateIndex
CREATE UNIQUE INDEX "event_delivery_destination_id_event_id_key" ON "event_delivery"("destination_id", "event_id");

-- AddForeignKey
ALTER TABLE "event_delivery" ADD CONSTRAINT "event_delivery_destination_id_fkey" FOREIGN KEY ("destination_id") REFERENCES "event_destination"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "event_delivery" ADD CONSTRAINT "event_delivery_event_id_fkey" FOREIGN KEY ("event_id") REFERENCES "outbox_event"("id") ON DELETE CASCADE ON UPDATE CASCADE;
