-- Edges keep the certificate authorities of the accounts they serve, for policies that verify visitors' certificates.
CREATE TRIGGER "count_settings" AFTER INSERT OR UPDATE OR DELETE ON "certificate_authority" FOR EACH ROW EXECUTE FUNCTION "count_account_settings"();
