-- Where a visitor was when they signed in, as far as the operator's data files tell.
ALTER TABLE "app_session" ADD COLUMN "place" JSONB;
