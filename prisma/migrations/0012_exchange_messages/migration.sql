-- AlterTable
ALTER TABLE "exchange" ADD COLUMN     "message_bytes" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "messages" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "open_on" TEXT,
ADD COLUMN     "sealed_fields" TEXT;

-- CreateTable
CREATE TABLE "exchange_messages" (
    "exchange_id" TEXT NOT NULL,
    "first" INTEGER NOT NULL,
    "last" INTEGER NOT NULL,
    "sealed_content" TEXT NOT NULL,
    "size_bytes" INTEGER NOT NULL,

    CONSTRAINT "exchange_messages_pkey" PRIMARY KEY ("exchange_id","first")
);

-- AddForeignKey
ALTER TABLE "exchange_messages" ADD CONSTRAINT "exchange_messages_exchange_id_fkey" FOREIGN KEY ("exchange_id") REFERENCES "exchange"("id") ON DELETE CASCADE ON UPDATE CASCADE;
