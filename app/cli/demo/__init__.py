"""`visor demo`: a platform that has had a day, and lives on."""
