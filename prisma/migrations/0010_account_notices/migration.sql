-- Every process of the API hears at once when an account is suspended, removed, or gets other limits, whoever did it.
CREATE FUNCTION "tell_account"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- 's' only its settings, 'g' what its tokens may do too.
  PERFORM pg_notify('portico_accounts', CASE WHEN TG_OP = 'UPDATE' AND NEW."version" = OLD."version"
    AND NEW."suspended_at" IS NOT DISTINCT FROM OLD."suspended_at" THEN 's' ELSE 'g' END || OLD."id");
  RETURN NULL;
END $$;
CREATE TRIGGER "tell_change" AFTER UPDATE ON "account" FOR EACH ROW
  WHEN (NEW."version" IS DISTINCT FROM OLD."version" OR NEW."settings_revision" IS DISTINCT FROM OLD."settings_revision"
    OR NEW."suspended_at" IS DISTINCT FROM OLD."suspended_at")
  EXECUTE FUNCTION "tell_account"();
CREATE TRIGGER "tell_removal" AFTER DELETE ON "account" FOR EACH ROW EXECUTE FUNCTION "tell_account"();
