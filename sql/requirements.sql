-- What the extension needs of the database it is made in.
DO $$
BEGIN
    IF getdatabaseencoding() <> 'UTF8' THEN
        RAISE 'stockroom needs a database in UTF8, not %', getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported',
                  HINT = 'CREATE DATABASE ... ENCODING ''UTF8'' TEMPLATE template0';
    END IF;
END
$$;
