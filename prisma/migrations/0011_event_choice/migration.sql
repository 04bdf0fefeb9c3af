-- Of events of traffic a source may choose which are sent, and what of them.
ALTER TABLE "event_source" ADD COLUMN "filter" TEXT NOT NULL DEFAULT '',
  ADD COLUMN "fields" TEXT[] DEFAULT ARRAY[]::TEXT[];
ALTER TABLE "event_delivery" ADD COLUMN "fields" TEXT[] DEFAULT ARRAY[]::TEXT[];
