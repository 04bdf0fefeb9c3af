-- AlterTable
ALTER TABLE "account" ALTER COLUMN "session_stream_limit" SET DEFAULT 1000;

-- The old default, which nobody chose. The version makes edges fetch their grants anew.
UPDATE "account" SET "session_stream_limit" = 1000, "version" = "version" + 1 WHERE "session_stream_limit" = 480;
